package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"rehome.dev/rehome/internal/convert"
	"rehome.dev/rehome/internal/secrets"
	"rehome.dev/rehome/internal/wire"
)

// convertFlags are what convert is told beside the directory.
type convertFlags struct {
	name, namespace, mount, out string
	secrets, vaultPath          string
	emit, vaultRole             string
	secretStore, clusterStore   string
	extract, apply, dry         bool
	decisions                   string
	doubtful                    bool
	nameKey                     string
	fsGroup                     int64
	clusterFlags
	host string
	loginFlags
}

// The stores of secrets.
const (
	storeKubernetes = "kubernetes"
	storeVault      = "vault"
)

// decisionsFile is where people's decisions are, beside the directory that is written.
const decisionsFile = "rehome.convert.yaml"

func (p *Program) convertCommand() *cobra.Command {
	var f convertFlags
	c := &cobra.Command{
		Use:   "convert DIR --name N --namespace NS --mount PATH --out OUT",
		Short: "Turn a directory of configuration into ConfigMaps, Secrets and one volume",
		Long: `Reads a directory of configuration, here or with --host on another machine, and makes of it
what a pod needs to find the same files at the same paths: immutable ConfigMaps and
Secrets named by what they hold, and one read-only volume that merges them at --mount.

A file in which a secret stands goes into a Secret as a whole. With --extract it stays in
the ConfigMap, with a reference to an environment variable in the secret's place, where
the application is known to replace such references. What a volume cannot keep, such as
owners and empty directories, is said.

What may be a secret or none is a person's decision, and so is what leads out of the
directory. Until all is decided nothing is written. Decisions stand in rehome.convert.yaml
beside OUT, by file and key path, never by value; --doubtful-secret takes for a secret
whatever is not decided.

OUT never holds a secret: it can be committed as it is. Of Secrets it has names and keys.
Only --apply writes them, and the ConfigMaps, straight from memory to the cluster; with
--secrets vault the Secrets to a vault, where VAULT_ADDR and its like lead to. --emit adds
ExternalSecrets in the version that the cluster serves, or a pod's annotations for the
vault's agent, which then brings all files.

OUT is written whole or not at all, and never over files that are somebody else's. The
same input gives the same bytes.

Exit codes: 0 converted; 1 something cannot be converted; 3 a person must decide.`,
		Example: `  rehome convert /etc/royal-bank-api --name royal-bank-api --namespace royal-bank \
    --mount /etc/royal-bank-api --out deploy/config
  rehome convert /etc/royal-bank-api --host ssh://root@bank-vm-1 --name royal-bank-api \
    --namespace royal-bank --mount /etc/royal-bank-api --out deploy/config --apply`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.convert(cmd.Context(), args[0], f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.name, "name", "", "name of the application: objects are called after it")
	flags.StringVar(&f.namespace, "namespace", "", "namespace of the objects")
	flags.StringVar(&f.mount, "mount", "", "path at which the application finds the directory (default DIR)")
	flags.StringVar(&f.out, "out", "", "directory to write")
	flags.StringVar(&f.secrets, "secrets", storeKubernetes, "where secrets live: kubernetes, or vault for Secrets that are made from one")
	flags.StringVar(&f.vaultPath, "vault-path", "", "where in the vault: MOUNT/PATH of an engine of keys and values, version 2")
	flags.StringVar(&f.emit, "emit", "", "how the cluster gets it from the vault: external-secret, or injector for a pod's annotations")
	flags.StringVar(&f.secretStore, "secret-store", "", "the SecretStore of the ExternalSecrets")
	flags.StringVar(&f.clusterStore, "cluster-secret-store", "", "the ClusterSecretStore of the ExternalSecrets")
	flags.StringVar(&f.vaultRole, "vault-role", "", "the role that the pod takes in the vault, for the injector")
	flags.BoolVar(&f.extract, "extract", false, "leave files in the ConfigMap with references, where that is known to work")
	flags.BoolVar(&f.apply, "apply", false, "write the Secrets and ConfigMaps to the cluster")
	f.clusterFlags.add(c)
	flags.StringVar(&f.decisions, "decisions", "", "file of the decisions (default "+decisionsFile+" beside OUT)")
	flags.BoolVar(&f.doubtful, "doubtful-secret", false, "take for a secret what may be one and is not decided")
	flags.StringVar(&f.nameKey, "name-key", "", "file with a key that keeps the names of Secrets from being guessed at")
	flags.Int64Var(&f.fsGroup, "fs-group", 65532, "group that reads files which are not for everybody")
	flags.StringVar(&f.host, "host", "local", "the machine as ssh://user@host:port, or local")
	f.loginFlags.add(c, readAsRoot)
	f.addAgent(c)
	flags.BoolVar(&f.dry, "dry-run", false, "say what would be written, and write nothing")
	_ = c.RegisterFlagCompletionFunc("secrets", cobra.FixedCompletions([]string{storeKubernetes, storeVault}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("emit", cobra.FixedCompletions([]string{emitExternal, emitInjector}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.MarkFlagDirname("out")
	return c
}

// hidden are paths that the image needs itself: a volume there would hide them.
var hidden = []string{"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/share", "/usr/local", "/var", "/var/lib", "/var/run"}

// check finds what is wrong with the flags, and fills in what they leave out.
func (f *convertFlags) check(dir string) error {
	if f.mount == "" && path.IsAbs(dir) {
		f.mount = dir
	}
	switch {
	case f.name == "":
		return usage("--name is missing").with("the application's name: ConfigMaps and Secrets are called after it")
	case f.namespace == "":
		return usage("--namespace is missing")
	case f.out == "":
		return usage("--out is missing").with("name a directory that is not there yet, or that convert has written")
	case len(validation.IsDNS1123Label(f.name)) > 0:
		return usage("--name %q is no name of an object", f.name).with("small letters, digits and -, 63 at most")
	case len(validation.IsDNS1123Label(f.namespace)) > 0:
		return usage("--namespace %q is no name of a namespace", f.namespace).with("small letters, digits and -, 63 at most")
	case !path.IsAbs(f.mount):
		return usage("--mount %q is not absolute", f.mount).with("the path at which the application finds the directory: /etc/%s", f.name)
	case slices.Contains(hidden, path.Clean(f.mount)):
		return usage("--mount %s would hide what the image has there", path.Clean(f.mount)).with("mount a directory of the application's own: /etc/%s", f.name)
	case f.secrets != storeKubernetes && f.secrets != storeVault:
		return usage("--secrets %s: there are kubernetes and vault", f.secrets)
	case f.fsGroup < 1 || f.fsGroup > 1<<32-1:
		return usage("--fs-group %d is no group of a pod", f.fsGroup)
	case f.sudo && f.host == "local" && os.Geteuid() != 0:
		return usage("--sudo is for other machines").with("to read here as root: sudo rehome convert …")
	}
	if err := f.checkEmit(); err != nil {
		return err
	}
	if _, err := wire.ParseMachineReach(f.host); err != nil {
		return usage("--host: %w", err)
	}
	f.mount, f.vaultPath = path.Clean(f.mount), strings.Trim(f.vaultPath, "/")
	if f.decisions == "" {
		f.decisions = filepath.Join(filepath.Dir(filepath.Clean(f.out)), decisionsFile)
	}
	return nil
}

// convert reads, plans, and writes what was planned: in this order, so that whatever
// goes wrong leaves things as they were.
func (p *Program) convert(ctx context.Context, dir string, f convertFlags) error {
	if err := f.check(dir); err != nil {
		return err
	}
	o, err := f.options()
	if err != nil {
		return err
	}
	o.NameCost = p.NameCost
	before, err := lookAtOut(f.out, dir, f.host == "local")
	if err != nil {
		return err
	}
	ctx, end := p.stoppable(ctx)
	defer end()
	plan, err := p.planOf(ctx, dir, f, o)
	defer secrets.Forget(plan.Objects)
	if err != nil {
		return err
	}
	v := p.conversion(plan, f)
	if !plan.Whole() {
		return p.notWhole(v, f)
	}
	files, err := p.outFiles(ctx, plan, v, f)
	if err != nil {
		return err
	}
	return p.carryOut(ctx, plan, v, files, before, f)
}

// stoppable is a context that ends when a person asks to stop. end gives it back.
func (p *Program) stoppable(ctx context.Context) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		select {
		case <-p.Stop:
			cancel(errStopped)
		case <-ended:
		}
	}()
	return ctx, func() { close(ended); cancel(nil) }
}

// planOf reads the tree, and lets go of whatever of it is in no object.
func (p *Program) planOf(ctx context.Context, dir string, f convertFlags, o convert.Options) (convert.Plan, error) {
	if f.host == "local" {
		var err error
		if dir, err = filepath.Abs(dir); err != nil {
			return convert.Plan{}, err
		}
	}
	t, err := wire.ReadTree(ctx, p.login(f.loginFlags), f.host, dir)
	if err != nil {
		return convert.Plan{}, stoppedOr(ctx, err)
	}
	plan := convert.Make(t, o)
	if plan.Whole() && len(plan.Objects) == 0 {
		return plan, failed("%s holds no file to convert", dir).with("name the directory that the application reads: rehome probe shows what it opens")
	}
	return plan, nil
}

// carryOut applies first and writes last: objects that nobody refers to harm nobody,
// a reference to one that is not there stops a pod.
func (p *Program) carryOut(ctx context.Context, plan convert.Plan, v conversion, files map[string][]byte, before outState, f convertFlags) error {
	v.DryRun = f.dry
	var staged *stagedOut
	var err error
	if !f.dry && !before.same(files) {
		if staged, err = stageOut(f.out, files); err != nil {
			return err
		}
		defer staged.remove()
	}
	if f.apply {
		if v.Applied, err = p.applyConversion(ctx, plan.Objects, f); err != nil {
			return failed("%w", err).with("%s", firstOf(hintFor(err), "nothing was written to "+f.out+"; what is in the cluster already is used by nobody"))
		}
	}
	if staged != nil {
		if err := staged.commit(); err != nil {
			return err
		}
	}
	v.Changed = !before.same(files)
	return p.emit(v, func(w io.Writer) { p.conversionText(w, v, f) })
}

// applyConversion writes the objects to where they live. Each store looks at all of its
// objects before it writes one, and what is to be looked at by both is looked at first.
func (p *Program) applyConversion(ctx context.Context, objs []convert.Object, f convertFlags) ([]secrets.Receipt, error) {
	var all []secrets.Receipt
	type part struct {
		store secrets.Store
		objs  []convert.Object
	}
	var parts []part
	homes := []string{storeKubernetes}
	if f.secrets == storeVault {
		homes = append(homes, storeVault)
	}
	for _, home := range homes {
		mine := slices.DeleteFunc(slices.Clone(objs), func(o convert.Object) bool {
			return f.secrets == storeVault && (o.Kind == convert.Secret) != (home == storeVault)
		})
		if len(mine) == 0 {
			continue
		}
		settings := f.clusterSettings()
		if home == storeVault {
			settings = nil // the usual variables say where it is, and as whom
		}
		store, err := p.Registry.Store(wire.StoreOrder{
			Type: home, Owner: f.name, Namespaces: []string{f.namespace}, Getenv: p.Getenv, Path: f.vaultPath,
			Settings: settings,
		})
		if err != nil {
			return nil, err
		}
		defer func() { _ = wire.CloseStore(context.WithoutCancel(ctx), store) }()
		parts = append(parts, part{store, mine})
	}
	for _, dry := range []bool{true, false} {
		all = nil
		for _, x := range parts {
			done, err := x.store.Put(ctx, x.objs, dry)
			if err != nil {
				return all, stoppedOr(ctx, err)
			}
			all = append(all, done...)
		}
		if f.dry {
			break
		}
	}
	return all, nil
}

// stoppedOr is the person's word where a person has stopped it.
func stoppedOr(ctx context.Context, err error) error {
	if context.Cause(ctx) == errStopped { //nolint:errorlint // it is this very value
		return errStopped
	}
	return err
}

func firstOf(words ...string) string {
	return words[slices.IndexFunc(words, func(s string) bool { return s != "" })]
}

// options are what the files that flags name add to them.
func (f convertFlags) options() (convert.Options, error) {
	o := convert.Options{Name: f.name, Namespace: f.namespace, Mount: f.mount, Vault: f.secrets == storeVault, Together: f.emit == emitInjector, Extract: f.extract, DoubtfulSecret: f.doubtful}
	var err error
	if o.NameKey, err = readNameKey(f.nameKey); err != nil {
		return o, err
	}
	o.Decisions, err = readDecisions(f.decisions, f.name)
	return o, err
}

// readNameKey gives none where no file is named.
func readNameKey(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, failed("--name-key: %w", err)
	}
	key := bytes.TrimSpace(b)
	if len(key) < 16 {
		return nil, failed("--name-key %s holds less than 16 bytes: a key that can be guessed keeps nobody from guessing", file).with("make one: openssl rand -base64 32 > %s", file)
	}
	return key, nil
}
