package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"rehome.dev/rehome/lab/part"
)

type opener func() (*part.Lab, error)

func upCommand(open opener) *cobra.Command {
	return &cobra.Command{
		Use:   "up",
		Short: "Set up what is missing, and return when everything serves",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			lab, err := open()
			if err != nil {
				return err
			}
			return up(cmd.Context(), lab)
		},
	}
}

func up(ctx context.Context, lab *part.Lab) error {
	unlock, err := lab.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := errors.Join(lab.MakeDirs(), lab.InstallProgram()); err != nil {
		return fmt.Errorf("prepare the lab's directories: %w", err)
	}
	if err := setUp(ctx, lab); err != nil {
		return err
	}
	if err := part.WriteJSON(envPath(lab), environment(lab), 0o644); err != nil {
		return err
	}
	lab.Progress.Say("lab", "is up; addresses and paths: %s", envPath(lab))
	return nil
}

// setUp brings stage after stage up. What parts can prepare without packages is done
// while those are installed and the first stages come up; only the part itself waits
// for it.
func setUp(ctx context.Context, lab *part.Lab) error {
	all, ctx := errgroup.WithContext(ctx)
	parts := stages(lab)
	prepared := map[part.Part]chan struct{}{}
	for _, p := range slices.Concat(parts...) {
		if it, ok := p.(part.Preparer); ok {
			done := make(chan struct{})
			prepared[p] = done
			all.Go(func() error {
				if err := it.Prepare(ctx); err != nil {
					return fmt.Errorf("%s: %w", p.Name(), err)
				}
				close(done)
				return nil
			})
		}
	}
	all.Go(func() error {
		if err := lab.Install(ctx, packages(parts)); err != nil {
			return err
		}
		for _, stage := range parts {
			if err := upStage(ctx, stage, prepared); err != nil {
				return err
			}
		}
		return nil
	})
	return all.Wait()
}

func upStage(ctx context.Context, stage []part.Part, prepared map[part.Part]chan struct{}) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range stage {
		g.Go(func() error {
			if done := prepared[p]; done != nil {
				select {
				case <-done:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if err := p.Up(ctx); err != nil {
				return fmt.Errorf("%s: %w", p.Name(), err)
			}
			return nil
		})
	}
	return g.Wait()
}

func packages(stages [][]part.Part) []string {
	var names []string
	for _, p := range slices.Concat(stages...) {
		names = append(names, p.Packages()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func downCommand(open opener) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Remove everything but the cache",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			lab, err := open()
			if err != nil {
				return err
			}
			return down(cmd.Context(), lab)
		},
	}
}

// down goes on after a failure, so that as little as possible is left, and removes
// the notes about what runs only when nothing failed.
func down(ctx context.Context, lab *part.Lab) error {
	unlock, err := lab.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	parts := stages(lab)
	var errs []error
	for i := len(parts) - 1; i >= 0; i-- {
		if i == 0 { // the network goes when nobody needs it any more
			errs = append(errs, stopRest(ctx, lab))
		}
		errs = append(errs, downStage(ctx, lab, parts[i]))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := lab.Remove(); err != nil {
		return err
	}
	lab.Progress.Say("lab", "is down; the cache stays in %s", lab.Dirs.Cache)
	return nil
}

func downStage(ctx context.Context, lab *part.Lab, stage []part.Part) error {
	errs := make([]error, len(stage))
	var g errgroup.Group
	for i, p := range stage {
		g.Go(func() error {
			if err := p.Down(ctx); err != nil {
				errs[i] = fmt.Errorf("%s: %w", p.Name(), err)
				return nil
			}
			lab.Progress.Say(p.Name(), "is down")
			return nil
		})
	}
	g.Wait()
	return errors.Join(errs...)
}

func stopRest(ctx context.Context, lab *part.Lab) error {
	var errs []error
	for _, name := range lab.Processes() {
		errs = append(errs, lab.Stop(ctx, name))
	}
	return errors.Join(errs...)
}
