package cli

import (
	"context"
	"strings"

	"rehome.dev/rehome/internal/config"
	"rehome.dev/rehome/internal/engine"
	"rehome.dev/rehome/internal/inventory"
	"rehome.dev/rehome/internal/migration"
	"rehome.dev/rehome/internal/readiness"
	"rehome.dev/rehome/internal/runbook"
)

// record puts the experiments of facts files on record, all of them or none.
func (p *Program) record(ctx context.Context, file string, f assessFlags) error {
	loaded, err := config.Load(file, f.policy)
	if err != nil {
		return err
	}
	var sources []factsFile
	for _, name := range f.facts {
		r, digest, err := readFactsFile(name)
		if err != nil {
			return err
		}
		sources = append(sources, factsFile{name, digest, r})
	}
	var made []readiness.Recorded
	err = p.speak(ctx, loaded.Spec.Name, f.dry, func(s runbook.State, actor string) ([]engine.Saying, error) {
		if s.Mode == migration.ModeRetired {
			return nil, blocked("%s is complete: nothing is judged any more", s.Key)
		}
		made = nil
		var out []engine.Saying
		var faults []string
		for _, src := range sources {
			m, bad := p.experiments(src, s, actor)
			faults, made = append(faults, bad...), append(made, m.Experiments...)
			out = append(out, engine.Saying{Kind: migration.KindMeasured, Body: m})
		}
		if len(faults) > 0 {
			return nil, failed("nothing is recorded: %s", strings.Join(faults, "; ")).
				with("make them anew: rehome probe %s --load URL --rate N --for 5m --drill sigterm --yes -o json", file)
		}
		return out, nil
	})
	if err != nil {
		return err
	}
	for _, r := range made {
		p.print("%s %s %s", r.By, verb(f.dry, "puts on record", "would put on record"), runbook.Measured{Experiments: []readiness.Recorded{r}}.Text())
	}
	return nil
}

// factsFile is a facts file with its SHA-256.
type factsFile struct {
	name, digest string
	report       inventory.Report
}

// experiments are those of one facts file in somebody's name, and what keeps them
// from being put on record.
func (p *Program) experiments(f factsFile, s runbook.State, actor string) (m runbook.Measured, faults []string) {
	m.File = f.name
	for _, facts := range f.report.Machines {
		list, errs := readiness.Recordable(s.Spec, s.Policy, facts, p.now())
		for _, r := range list {
			r.By, r.At, r.Facts = actor, p.now(), f.digest
			m.Experiments = append(m.Experiments, r)
		}
		for _, err := range errs {
			faults = append(faults, err.Error())
		}
	}
	if len(m.Experiments)+len(faults) == 0 {
		faults = append(faults, f.name+" holds neither a load nor a drill")
	}
	return m, faults
}
