package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/wire"
)

// secretsFlags are what secrets is told beside the directory.
type secretsFlags struct {
	clusterFlags
	nameKey string
	dry     bool
}

func (p *Program) secretsCommand() *cobra.Command {
	var f secretsFlags
	c := &cobra.Command{
		Use:   "secrets OUT",
		Short: "Bring the Secrets of a conversion from the vault to the cluster",
		Long: `Reads in OUT which Secrets a conversion with --secrets vault needs, their values from the
vault, in memory, and writes them into the cluster: for a pipeline, where no operator
does it.

VAULT_ADDR says where the vault is, and REHOME_VAULT_AUTH how to log in: token (default),
with VAULT_TOKEN; approle, with VAULT_ROLE_ID and VAULT_SECRET_ID; or kubernetes, with
REHOME_VAULT_ROLE and the pod's own token (REHOME_VAULT_JWT_FILE for another file). No credential is a flag.

A Secret's name is that of what it holds. Where the vault holds something else than what
was converted, the name does not fit, and nothing is written: convert again, so that the
pods that mount it roll. A conversion with --name-key needs the same key here.

All is read and looked at before the first Secret is written. They are immutable: one that
is there and holds the same is done, one that holds something else is left alone. No value
is printed, is in a file, or is in an argument.

Exit codes: 0 all are there; 1 something is missing, changed or forbidden.`,
		Example: `  rehome secrets deploy/config --dry-run
  REHOME_VAULT_AUTH=approle rehome secrets deploy/config --kubeconfig bank.kubeconfig`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.bringSecrets(cmd.Context(), args[0], f)
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
	flags := c.Flags()
	f.clusterFlags.add(c)
	flags.StringVar(&f.nameKey, "name-key", "", "file with the key that the conversion was given for the names of Secrets")
	flags.BoolVar(&f.dry, "dry-run", false, "read the vault and look at the cluster, and write nothing")
	return c
}

// broughtSecrets is what became of them, without a value.
type broughtSecrets struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Secrets   []convertedObject `json:"secrets"`
	DryRun    bool              `json:"dryRun,omitempty"`
	Applied   []secrets.Receipt `json:"applied"`
}

// bringSecrets reads all, checks all, looks at all, and only then writes.
func (p *Program) bringSecrets(ctx context.Context, out string, f secretsFlags) error {
	need, err := readNeeded(out)
	if err != nil {
		return err
	}
	o := convert.Options{Name: need.Name, NameCost: p.NameCost}
	if o.NameKey, err = readNameKey(f.nameKey); err != nil {
		return err
	}
	v := broughtSecrets{Name: need.Name, Namespace: need.Namespace, Secrets: need.secrets(), DryRun: f.dry, Applied: []secrets.Receipt{}}
	if len(v.Secrets) > 0 {
		ctx, end := p.stoppable(ctx)
		defer end()
		objs, err := p.valuesOf(ctx, need)
		defer secrets.Forget(objs)
		if err != nil {
			return unbrought(stoppedOr(ctx, err))
		}
		if err := checkNames(objs, v.Secrets, o, f.nameKey != ""); err != nil {
			return err
		}
		if v.Applied, err = p.putSecrets(ctx, objs, need, f); err != nil {
			return failed("%w", stoppedOr(ctx, err)).with("%s", firstOf(hintFor(err), "what is in the cluster already is whole; call it again for the rest"))
		}
	}
	return p.emit(v, func(w io.Writer) { p.broughtText(w, v) })
}

// unbrought is why the vault did not give what is needed.
func unbrought(err error) error {
	if _, said := errors.AsType[*failure](err); said {
		return err
	}
	hint := firstOf(hintFor(err), "nothing was written to the cluster")
	if errors.Is(err, secrets.ErrMissing) {
		hint += "; what was never written there: rehome convert … --secrets vault --apply"
	}
	return failed("%w", err).with("%s", hint)
}

// checkNames sees that the values are those that were converted. One name comes of all
// Secrets together, so that it cannot be said which of them was changed.
func checkNames(objs []convert.Object, need []convertedObject, o convert.Options, keyed bool) error {
	env := make([]bool, len(need))
	var places []string
	for i, x := range need {
		env[i] = x.Env
		places = append(places, x.From)
	}
	fits := true
	for i, name := range convert.SecretNames(objs, env, o) {
		fits = fits && name == need[i].Name
	}
	if fits {
		return nil
	}
	key := "; was it converted with --name-key? Then name the same file"
	if keyed {
		key = "; or --name-key is not the key that it was converted with"
	}
	return failed("the vault holds something else than what was converted: the names do not fit the values of %s; nothing was written to the cluster", strings.Join(places, ", ")).
		with("where a value was changed on purpose, convert again: it gets another name and the pods roll. Otherwise vault kv metadata get shows when it was written, and vault kv rollback brings a version back%s", key)
}

func (p *Program) putSecrets(ctx context.Context, objs []convert.Object, need conversion, f secretsFlags) ([]secrets.Receipt, error) {
	store, err := p.Registry.Store(wire.StoreOrder{
		Type: storeKubernetes, Owner: need.Name, Namespaces: []string{need.Namespace}, Getenv: p.Getenv, Settings: f.clusterSettings(),
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = wire.CloseStore(context.WithoutCancel(ctx), store) }()
	done, err := store.Put(ctx, objs, true)
	if err != nil || f.dry {
		return done, err
	}
	return store.Put(ctx, objs, false)
}

// broughtText is what became of them for people.
func (p *Program) broughtText(w io.Writer, v broughtSecrets) {
	fmt.Fprintf(w, "%s: %s for namespace %s\n", p.paint(styleHead, v.Name), quantity(len(v.Secrets), "Secret", "Secrets"), v.Namespace)
	for _, s := range v.Secrets {
		fmt.Fprintf(w, "  Secret %s: %s, from %s\n", s.Name, quantity(len(s.Keys), "key", "keys"), s.From)
	}
	for _, r := range v.Applied {
		fmt.Fprintf(w, "  %s: %s\n", r.Place, appliedWords[string(r.Done)])
	}
	if len(v.Secrets) == 0 {
		fmt.Fprintf(w, "  nothing is to be done: the conversion found no secret\n")
	}
}
