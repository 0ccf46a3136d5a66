package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rehome.dev/rehome/lab/branch"
	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

const processName = "client"

// nameOf is the process that is the clients of a branch.
func nameOf(b branch.Branch) string {
	if b == branch.Head {
		return processName
	}
	return processName + "-" + b.Namespace
}

// Client is the part: a load client that runs as long as the lab does.
type Client struct{ lab *part.Lab }

// New returns the part.
func New(lab *part.Lab) *Client { return &Client{lab} }

func (c *Client) Name() string       { return "client" }
func (c *Client) Packages() []string { return nil }

// CountFile is where the clients of a branch write their seconds; see Read.
func CountFile(lab *part.Lab, b branch.Branch) string { return lab.RunPath(nameOf(b) + ".jsonl") }

// Up returns when the first second with an answer of the head office is counted.
func (c *Client) Up(ctx context.Context) error {
	if err := Start(ctx, c.lab, branch.Head); err != nil {
		return err
	}
	c.lab.Progress.Say(c.Name(), "%d requests per second; count: %s", DefaultRate, CountFile(c.lab, branch.Head))
	return nil
}

// Start lets the clients of a branch come, and returns when the first second with an
// answer is counted. Those of the branches come only while somebody wants them.
func Start(ctx context.Context, lab *part.Lab, b branch.Branch) error {
	start := time.Now()
	err := lab.Start(ctx, part.Process{Name: nameOf(b), Netns: network.Client.Netns, Path: lab.Program(),
		Args: []string{"client", "--url", urlOf(b), "--out", CountFile(lab, b)}, StopWithin: 5 * time.Second})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	err = part.Poll(ctx, 50*time.Millisecond, func(context.Context) error {
		seconds, err := Read(CountFile(lab, b))
		if err == nil && Sum(seconds, start.Truncate(time.Second), time.Time{}).OK == 0 {
			err = fmt.Errorf("no answer is counted since %s", start.Format(time.TimeOnly))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%w; log: %s", err, lab.LogPath(nameOf(b)))
	}
	return nil
}

// Down stops all clients; they count what is in flight before they end.
func (c *Client) Down(ctx context.Context) error {
	var errs []error
	for _, b := range branch.All() {
		errs = append(errs, Stop(ctx, c.lab, b))
	}
	return errors.Join(errs...)
}

// Stop ends the clients of a branch.
func Stop(ctx context.Context, lab *part.Lab, b branch.Branch) error {
	if err := lab.Stop(ctx, nameOf(b)); !errors.Is(err, part.ErrUnknownProcess) {
		return err
	}
	return nil
}

// Status sums up the last seconds.
func (c *Client) Status(context.Context) part.Status {
	status := c.lab.StatusOf(processName)
	if status.State != part.StateUp {
		return status
	}
	seconds, err := Read(CountFile(c.lab, branch.Head))
	if err != nil {
		return part.Status{State: part.StatePartial, Detail: err.Error()}
	}
	latest := seconds[max(0, len(seconds)-10):]
	status.Detail = fmt.Sprintf("last %d s: %s", len(latest), Summary(Sum(latest, time.Time{}, time.Time{})))
	return status
}
