package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"rehome.dev/rehome/internal/inventory"
)

// observe lets the agent probe a process at one sample a second, calls begun when
// it has taken the first, and gives what it cost.
//
// Its peak is VmHWM of proc_pid_status(5), read when the first byte of the facts
// is there: then all of them are made, and a pipe of one page keeps the agent from
// ending. What wait4(2) tells of memory would count this program too, of which the
// agent was a copy before it was itself.
func observe(ctx context.Context, agent string, pid int, lasts time.Duration, begun func()) (cost, error) {
	ctx, cancel := context.WithTimeout(ctx, lasts+time.Minute)
	defer cancel()
	out, to, err := os.Pipe()
	if err != nil {
		return cost{}, err
	}
	defer out.Close()
	_, err = unix.FcntlInt(to.Fd(), unix.F_SETPIPE_SZ, os.Getpagesize())
	if err != nil {
		return cost{}, errors.Join(fmt.Errorf("make a small pipe: %w", err), to.Close())
	}
	cmd := exec.CommandContext(ctx, agent, "probe")
	cmd.Stdout, cmd.Stderr = to, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return cost{}, errors.Join(err, to.Close())
	}
	began := time.Now()
	if err := errors.Join(cmd.Start(), to.Close()); err != nil {
		return cost{}, err
	}
	request := inventory.Request{Target: inventory.Target{PID: pid}, Every: time.Second, For: lasts}
	err = json.NewEncoder(in).Encode(request)
	var c cost
	if err == nil {
		c, err = follow(out, cmd.Process.Pid, begun)
	}
	if err = errors.Join(err, in.Close(), cmd.Wait()); err != nil {
		return cost{}, fmt.Errorf("probe: %w", err)
	}
	c.took = time.Since(began)
	c.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return c, nil
}

// follow reads the agent's events to their end.
func follow(out io.Reader, agent int, begun func()) (c cost, err error) {
	lines := bufio.NewReaderSize(out, os.Getpagesize())
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return c, errors.New("it ended without facts")
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return c, err
		}
		if bytes.Contains(line, []byte(`"facts":`)) {
			if err := c.grow(agent); err != nil {
				return c, err
			}
			_, err = io.Copy(io.Discard, lines)
			return c, err
		}
		var e inventory.Event
		if err := json.Unmarshal(line, &e); err != nil {
			return c, err
		}
		if e.Err != "" {
			return c, errors.New(e.Err)
		}
		begun()
		c.samples = e.Samples
		if c.last, err = used(agent); err != nil {
			return c, err
		}
		if err := c.grow(agent); err != nil {
			return c, err
		}
		if c.first == 0 {
			c.first = c.last
		}
	}
}

// grow notes the peak: the kernel knows it only about.
func (c *cost) grow(pid int) error {
	most, err := peak(pid)
	c.peak = max(c.peak, most)
	return err
}

// peak is the most memory that a process has had, in bytes.
func peak(pid int) (int64, error) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kilo int64
	if _, err := fmt.Sscan(rest, &kilo); err != nil {
		return 0, fmt.Errorf("read VmHWM: %w", err)
	}
	return kilo << 10, nil
}

// used is the CPU time of a process and of those that it has waited for: fields
// 14 to 17 of proc_pid_stat(5), in hundredths of a second.
func used(pid int) (time.Duration, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 15 {
		return 0, fmt.Errorf("%q: too short", stat)
	}
	var ticks int64
	for _, field := range fields[11:15] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}
