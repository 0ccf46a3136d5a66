package cli

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/image"
	"rehome.dev/rehome/internal/migration"
)

// imageFlags are what image is told beside its file.
type imageFlags struct {
	policy, workload, ref, most string
	build, dry                  bool
	facts, with, innocent       []string
	base, root, host            string
	loginFlags
	user            string
	entrypoint      []string
	push, out, sbom string
}

func (p *Program) imageCommand() *cobra.Command {
	var f imageFlags
	c := &cobra.Command{
		Use:   "image FILE",
		Short: "Hold an image to the policy, or build one from facts without a daemon",
		Long: `Looks at the image of each workload that FILE declares, and at its Dockerfile where one is
named: an approved base, by label or layers; a digest; not root; no secret in any layer, a
later one hiding it or not, nor in the history, the variables and the labels; its size.
Registries are asked with the credentials of the container tools (~/.docker/config.json).
What cannot be seen is unknown, and unknown does not pass.

With --build it makes an image instead: of the application's own files, as the facts name
them, and the libraries that it truly needs, on an approved base. No daemon is used and
nothing is run. The same files give the same image, byte for byte; SOURCE_DATE_EPOCH is its
time, or 1970. The files are read below --root, on --host, or on the machine that FILE
names first. Configuration, secrets, keys, logs, data and sessions stay where they are: a
secret in a file that would be taken stops it. --with takes further paths, by your decision.

--push writes it to a registry by its digest, with an SBOM (SPDX 2.3) as its referrer. --out
writes a Dockerfile that gives the same image, the files that it copies, and the SBOM.

Exit codes: 0 it passes, or was built; 3 something speaks against it.`,
		Example: `  rehome image royal-bank-api.yaml
  rehome image royal-bank-api.yaml --image registry.golemtrust.am/royal-bank-api:1.2 -o json
  rehome image royal-bank-api.yaml --build --facts facts.json --base registry.golemtrust.am/base/debian:12 --dry-run
  rehome image royal-bank-api.yaml --build --facts facts.json --push registry.golemtrust.am/royal-bank-api:1.2 --out image/`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd.Flags().Changed); err != nil {
				return err
			}
			return p.image(cmd.Context(), args[0], f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.policy, "policy", "", "the policy's file (default the one that FILE names)")
	flags.StringVar(&f.workload, "workload", "", "the workload (default all; a build needs one)")
	flags.StringVar(&f.ref, "image", "", "look at this image instead of the workload's")
	flags.StringVar(&f.most, "max-size", "1GiB", "the largest image that passes, compressed; 0 allows any")
	flags.BoolVar(&f.build, "build", false, "build an image from facts")
	flags.StringArrayVar(&f.facts, "facts", nil, "build from these facts instead of taking them")
	flags.StringVar(&f.base, "base", "", "the base to build on (default the Dockerfile's, or the one that the policy approves)")
	flags.StringVar(&f.root, "root", "", "read the machine's files below this directory")
	flags.StringVar(&f.host, "host", "", "read the machine's files there: ssh://user@host:port, or local")
	f.loginFlags.add(c, readAsRoot)
	flags.StringArrayVar(&f.with, "with", nil, "take this path of the machine along, and what is below it; may be repeated")
	flags.StringArrayVar(&f.innocent, "innocent", nil, "what may be a secret in this file of the machine is none; may be repeated")
	flags.StringVar(&f.user, "user", "", "UID or UID:GID that the image runs as (default the machine's)")
	flags.StringArrayVar(&f.entrypoint, "entrypoint", nil, "a word of the command, from the first on (default the machine's)")
	flags.StringVar(&f.push, "push", "", "write the image to this repository, and name it by the tag where one is given")
	flags.StringVar(&f.out, "out", "", "write the Dockerfile, its files and the SBOM into this new directory")
	flags.StringVar(&f.sbom, "sbom", "", "write the SBOM to this file")
	flags.BoolVar(&f.dry, "dry-run", false, "say what --build would take, and write nothing")
	c.MarkFlagsMutuallyExclusive("root", "host")
	c.MarkFlagsMutuallyExclusive("image", "build")
	_ = c.MarkFlagDirname("root")
	_ = c.MarkFlagDirname("out")
	_ = c.RegisterFlagCompletionFunc("workload", p.completeWorkloads)
	return c
}

// completeWorkloads gives the names of the workloads that the file declares.
func (p *Program) completeWorkloads(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if len(args) == 1 {
		if loaded, err := config.Load(args[0], ""); err == nil {
			for _, w := range loaded.Spec.Workloads {
				names = append(names, w.Name)
			}
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// check finds what is wrong with the flags.
func (f imageFlags) check(given func(string) bool) error {
	if !f.build {
		for _, name := range []string{"facts", "base", "root", "host", "with", "innocent", "user", "entrypoint", "push", "out", "sbom", "dry-run", "sudo", "identity", "known-hosts"} {
			if given(name) {
				return usage("--%s needs --build", name).with("without it rehome image only looks")
			}
		}
	}
	for flag, paths := range map[string][]string{"with": f.with, "innocent": f.innocent} {
		for _, path := range paths {
			if !strings.HasPrefix(path, "/") {
				return usage("--%s %q is not absolute", flag, path).with("write the whole path on the machine, like /opt/royal-bank-api")
			}
		}
	}
	_, err := parseSize(f.most)
	return err
}

// parseSize reads 500MiB, 1GiB, 1.5GB or a number of bytes.
func parseSize(text string) (int64, error) {
	number := strings.TrimRight(text, "KMGTiB")
	factors := map[string]float64{"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
	factor, known := factors[text[len(number):]]
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || !known || value < 0 || value*factor >= 1<<62 {
		return 0, usage("--max-size %s is no size", text).with("write it like 500MiB or 1GiB")
	}
	return int64(value * factor), nil
}

// imager looks at images and builds them.
type imager interface {
	Check(ctx context.Context, w migration.Workload, policy migration.Policy, most int64) image.Check
	Build(ctx context.Context, o image.Order, read image.Read) (*image.Built, error)
	Push(ctx context.Context, ref string, b *image.Built) (string, error)
}

func (p *Program) image(ctx context.Context, file string, f imageFlags) error {
	loaded, err := config.Load(file, f.policy)
	if err != nil {
		return err
	}
	images, ok := p.Registry.Images.(imager)
	if !ok {
		return failed("this program has nothing that could look at images")
	}
	workloads, err := f.chosen(loaded)
	if err != nil {
		return err
	}
	if f.build {
		return p.imageBuild(ctx, images, loaded, workloads[0], f)
	}
	return p.imageCheck(ctx, images, loaded.Policy, workloads, f)
}

// chosen are the workloads that the call is about.
func (f imageFlags) chosen(loaded config.Loaded) ([]migration.Workload, error) {
	all := loaded.Spec.Workloads
	if f.workload != "" {
		i := slices.IndexFunc(all, func(w migration.Workload) bool { return w.Name == f.workload })
		if i < 0 {
			return nil, usage("%s declares no workload %s", loaded.File, f.workload).with("it declares %s", joined(workloadNames(all)))
		}
		all = all[i : i+1]
	}
	switch {
	case len(all) == 0:
		return nil, failed("%s declares no workload", loaded.File).with("fill in spec.workloads")
	case len(all) > 1 && (f.build || f.ref != ""):
		return nil, usage("%s declares %s", loaded.File, joined(workloadNames(all))).with("name one of them with --workload")
	}
	return all, nil
}

func workloadNames(all []migration.Workload) []string {
	var names []string
	for _, w := range all {
		names = append(names, w.Name)
	}
	return names
}
