package cli

import (
	"context"
	"fmt"
	"io"

	"rehome.dev/rehome/internal/image"
	"rehome.dev/rehome/internal/migration"
)

// imageChecks is the answer of image without --build.
type imageChecks struct {
	OK     bool          `json:"ok"`
	Images []image.Check `json:"images"`
}

func (p *Program) imageCheck(ctx context.Context, images imager, policy migration.Policy, workloads []migration.Workload, f imageFlags) error {
	most, err := parseSize(f.most)
	if err != nil {
		return err
	}
	r := imageChecks{OK: true}
	for _, w := range workloads {
		if f.ref != "" {
			w.Image, w.Dockerfile = f.ref, ""
		}
		c := images.Check(ctx, w, policy, most)
		r.OK = r.OK && len(c.Findings) > 0 && image.OK(c.Findings)
		r.Images = append(r.Images, c)
	}
	if ctx.Err() != nil {
		return failed("look at the images: %w", ctx.Err())
	}
	if err := p.emit(r, func(w io.Writer) { p.imageCheckText(w, r) }); err != nil {
		return err
	}
	if !r.OK {
		return silent(CodeBlocked)
	}
	return nil
}

// imageCheckText is what was found, for people.
func (p *Program) imageCheckText(w io.Writer, r imageChecks) {
	for _, c := range r.Images {
		fmt.Fprintf(w, "%s\n", p.paint(styleHead, c.Workload))
		subject := ""
		for _, f := range c.Findings {
			if f.Subject != subject {
				subject = f.Subject
				fmt.Fprintf(w, "  %s\n", subject)
			}
			p.imageFinding(w, "    ", f)
		}
		if len(c.Findings) == 0 {
			fmt.Fprintln(w, "  it names neither an image nor a Dockerfile")
		}
		if c.Digest != "" && migration.ImageDigest(c.Image) == "" {
			fmt.Fprintf(w, "  %s is %s now\n", c.Image, c.Digest)
		}
	}
}

// mostEvidence bounds the evidence that people are shown of one finding.
const mostEvidence = 10

func (p *Program) imageFinding(w io.Writer, indent string, f image.Finding) {
	fmt.Fprintf(w, "%s%s %s: %s\n", indent, p.verdictMark(f.Verdict), f.Code, f.Text)
	if f.Verdict == migration.Pass {
		return
	}
	for n, e := range f.Evidence {
		if n == mostEvidence {
			fmt.Fprintf(w, "%s  and %d more\n", indent, len(f.Evidence)-n)
			break
		}
		fmt.Fprintf(w, "%s  %s\n", indent, e.What)
	}
	if f.Remedy != "" {
		fmt.Fprintf(w, "%s  hint: %s\n", indent, f.Remedy)
	}
}
