package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
)

const processName = "client"

// Client is the part: a load client that runs as long as the lab does.
type Client struct{ lab *part.Lab }

// New returns the part.
func New(lab *part.Lab) *Client { return &Client{lab} }

func (c *Client) Name() string       { return "client" }
func (c *Client) Packages() []string { return nil }

// CountFile is where the lab's client writes its seconds; see Read.
func CountFile(lab *part.Lab) string { return lab.RunPath("client.jsonl") }

// Up returns when the first second with an answer is counted.
func (c *Client) Up(ctx context.Context) error {
	start := time.Now()
	err := c.lab.Start(ctx, part.Process{Name: processName, Netns: network.Client.Netns, Path: c.lab.Program(),
		Args: []string{"client", "--out", CountFile(c.lab)}, StopWithin: 5 * time.Second})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	err = part.Poll(ctx, 50*time.Millisecond, func(context.Context) error {
		seconds, err := Read(CountFile(c.lab))
		if err == nil && Sum(seconds, start.Truncate(time.Second), time.Time{}).OK == 0 {
			err = fmt.Errorf("no answer is counted since %s", start.Format(time.TimeOnly))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%w; log: %s", err, c.lab.LogPath(processName))
	}
	c.lab.Progress.Say(c.Name(), "%d requests per second; count: %s", DefaultRate, CountFile(c.lab))
	return nil
}

// Down stops it; it counts what is in flight before it ends.
func (c *Client) Down(ctx context.Context) error {
	if err := c.lab.Stop(ctx, processName); !errors.Is(err, part.ErrUnknownProcess) {
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
	seconds, err := Read(CountFile(c.lab))
	if err != nil {
		return part.Status{State: part.StatePartial, Detail: err.Error()}
	}
	latest := seconds[max(0, len(seconds)-10):]
	status.Detail = fmt.Sprintf("last %d s: %s", len(latest), Summary(Sum(latest, time.Time{}, time.Time{})))
	return status
}
