package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/image"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/tree"
	"rehome.dev/rehome/internal/wire"
)

// imageBuilt is the answer of image --build.
type imageBuilt struct {
	OK bool `json:"ok"`
	*image.Built
	// Everything is what an image would hold into which all files were copied that
	// are not the system's, or with Least at least; nil is not known, and Why says why.
	Everything *int64   `json:"everythingBytes,omitempty"`
	Least      bool     `json:"everythingAtLeast,omitempty"`
	Why        string   `json:"everythingUnknown,omitempty"`
	Wrote      []string `json:"wrote,omitempty"`
	Pushed     string   `json:"pushed,omitempty"`
	Line       string   `json:"line,omitempty"` // for the migration's file
	Dry        bool     `json:"dryRun,omitempty"`
}

func (p *Program) imageBuild(ctx context.Context, images imager, loaded config.Loaded, w migration.Workload, f imageFlags) error {
	order, err := p.imageOrder(ctx, loaded, w, f)
	if err != nil {
		return err
	}
	machine, err := p.imageFiles(loaded, f)
	if err != nil {
		return err
	}
	built, err := images.Build(ctx, order, machine.Read)
	if err != nil {
		return failed("build the image of %s: %w", w.Name, err).with("%s", hintFor(err))
	}
	r := imageBuilt{OK: built.Digest != "", Built: built, Dry: f.dry}
	r.everything(ctx, machine)
	if r.OK {
		if err := p.imageWrite(ctx, images, &r, f); err != nil {
			return err
		}
	}
	if err := p.emit(r, func(w io.Writer) { p.imageBuiltText(w, r, f) }); err != nil {
		return err
	}
	if !r.OK {
		return silent(CodeBlocked)
	}
	return nil
}

// imageOrder is what to build, from the file, the flags and the facts.
func (p *Program) imageOrder(ctx context.Context, loaded config.Loaded, w migration.Workload, f imageFlags) (image.Order, error) {
	o := image.Order{Name: w.Name, Policy: loaded.Policy, With: f.with, Innocent: f.innocent, User: f.user, Entrypoint: f.entrypoint, At: time.Unix(0, 0).UTC()}
	if text := p.Getenv("SOURCE_DATE_EPOCH"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds < 0 {
			return o, usage("SOURCE_DATE_EPOCH %q is no number of seconds since 1970", text).with("git log -1 --format=%%ct gives that of the sources")
		}
		o.At = time.Unix(seconds, 0).UTC()
	}
	var err error
	if o.Base, err = f.baseOf(loaded.Policy, w); err != nil {
		return o, err
	}
	var report inventory.Report
	if len(f.facts) > 0 {
		report, err = readFacts(f.facts)
	} else {
		ports, _ := p.Registry.Ports(loaded.Spec, loaded.Policy) // what is missing says so itself
		report, err = p.inventoryOf(ctx, ports, loaded)
	}
	if err != nil {
		return o, err
	}
	i := slices.IndexFunc(report.Machines, func(m inventory.Facts) bool { ok, _ := m.Saw(inventory.SubjectPrograms); return ok })
	if i < 0 {
		_, why := report.Machines[0].Saw(inventory.SubjectPrograms)
		return o, failed("the facts do not tell what runs: %s", why).with("take them as root: rehome probe --sudo --unit UNIT --host ssh://user@machine -o json")
	}
	o.Facts = report.Machines[i]
	if len(report.Machines) > 1 {
		p.say("building from the facts of %s", o.Facts.Target)
	}
	return o, nil
}

// baseOf is the base that the call names, or the only one that can be meant.
func (f imageFlags) baseOf(policy migration.Policy, w migration.Workload) (string, error) {
	if f.base != "" {
		return f.base, nil
	}
	if w.Dockerfile != "" {
		if text, err := os.ReadFile(w.Dockerfile); err == nil {
			if facts, err := image.Dockerfile(text); err == nil {
				return facts.From, nil
			}
		}
	}
	var exact []string
	for _, b := range policy.ApprovedBases {
		if !strings.HasSuffix(b, "*") && !strings.HasSuffix(b, "/") {
			exact = append(exact, b)
		}
	}
	if len(exact) == 1 {
		return exact[0], nil
	}
	return "", usage("which base?").with("name one with --base; the policy approves %s", cmp.Or(joined(policy.ApprovedBases), "none"))
}

// imageFiles is the machine whose files are read: where the call says, or the first
// machine of the file.
func (p *Program) imageFiles(loaded config.Loaded, f imageFlags) (machine image.Machine, err error) {
	settings := p.login(f.loginFlags)
	switch {
	case f.root != "":
		if info, err := os.Stat(f.root); err != nil || !info.IsDir() {
			return machine, usage("--root %s is no directory", f.root).with("mount or unpack the machine's disk, and name where it is")
		}
		return wire.FilesBelow(f.root), nil
	case f.host != "":
		if machine, err = wire.MachineFiles(settings, f.host); err != nil {
			return machine, usage("--host %s: %w", f.host, err).with("write it as ssh://user@host:port, or local")
		}
	case len(loaded.Spec.VMs) == 0:
		return machine, usage("where are the machine's files?").with("name a directory with --root, or the machine with --host")
	default:
		if machine, err = wire.MachineFilesOf(settings, loaded.Spec.VMs[0], loaded.Policy.SSH); err != nil {
			return machine, failed("reach %s: %w", loaded.Spec.VMs[0].Host, err).with("name the machine with --host")
		}
	}
	return machine, nil
}

// measureFor bounds the look over a machine's disks, the login with it.
const measureFor = 2 * time.Minute

// everything measures what copying all files would give. That it is not known stops
// nothing.
func (r *imageBuilt) everything(ctx context.Context, machine image.Machine) {
	ctx, cancel := context.WithTimeout(ctx, measureFor)
	defer cancel()
	rest, err := machine.Rest(ctx)
	if err != nil {
		r.Why = err.Error()
		return
	}
	r.Everything, r.Least = &rest.Bytes, rest.Least
}

// imageWrite puts what was built where the call says.
func (p *Program) imageWrite(ctx context.Context, images imager, r *imageBuilt, f imageFlags) error {
	if f.dry {
		return nil
	}
	if f.out != "" {
		names, err := r.Save(f.out)
		if err != nil {
			return failed("%w", err).with("name a new or empty directory with --out")
		}
		for _, n := range names {
			r.Wrote = append(r.Wrote, filepath.Join(f.out, n))
		}
	}
	if f.sbom != "" {
		if err := os.WriteFile(f.sbom, r.SBOM, 0o644); err != nil {
			return failed("write the SBOM: %w", err).with("name another file with --sbom")
		}
		r.Wrote = append(r.Wrote, f.sbom)
	}
	if f.push == "" {
		return nil
	}
	p.say("pushing %s to %s", image.Bytes(r.Compressed), f.push)
	ref, err := images.Push(ctx, f.push, r.Built)
	if err != nil {
		return failed("%w", err).with("%s", hintFor(err))
	}
	r.Pushed, r.Line = ref, "image: "+ref
	return nil
}

// imageBuiltText is what was built and why, for people. The digest and the line for
// the file come last.
func (p *Program) imageBuiltText(w io.Writer, r imageBuilt, f imageFlags) {
	fmt.Fprintf(w, "%s on %s\n", p.paint(styleHead, r.Workload), r.Base)
	for _, file := range r.Files {
		if file.From != "" && file.Kind == tree.File {
			fmt.Fprintf(w, "  takes %s (%s): %s\n", file.From, image.Bytes(file.Size), file.Why)
		}
	}
	if len(r.FromBase) > 0 {
		fmt.Fprintf(w, "  from the base: %s\n", joined(r.FromBase))
	}
	for _, l := range r.Left {
		fmt.Fprintf(w, "  leaves %s: %s\n", l.Path, l.Why)
	}
	for _, l := range r.Undecided {
		fmt.Fprintf(w, "  %s %s: %s; --with %s takes it\n", p.paint(styleWarn, "undecided"), l.Path, l.Why, l.Path)
	}
	for _, finding := range r.Findings {
		p.imageFinding(w, "  ", finding)
	}
	fmt.Fprintf(w, "  size: %s taken; all that is not the system's would be %s\n", image.Bytes(r.Taken), r.everythingText())
	if !r.OK {
		return
	}
	for _, name := range r.Wrote {
		fmt.Fprintf(w, "  wrote %s\n", name)
	}
	switch {
	case f.dry && f.push != "":
		fmt.Fprintf(w, "  would push %s to %s\n", image.Bytes(r.Compressed), f.push)
	case f.push == "":
		fmt.Fprintln(w, "  not pushed: --push REGISTRY/REPOSITORY:TAG does that")
	}
	fmt.Fprintf(w, "digest: %s\n", r.Digest)
	if r.Line != "" {
		fmt.Fprintln(w, r.Line)
	}
}

func (r imageBuilt) everythingText() string {
	if r.Everything == nil {
		return "unknown: " + r.Why
	}
	text := image.Bytes(*r.Everything)
	if r.Least {
		text = "at least " + text
	}
	if r.Taken > 0 && *r.Everything > r.Taken {
		text += fmt.Sprintf(", %.1f times as much", float64(*r.Everything)/float64(r.Taken))
	}
	return text
}
