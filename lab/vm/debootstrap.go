package vm

import (
	"bufio"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// tellSteps runs debootstrap and passes on what it does, at most every few seconds.
// An error carries its last lines.
func (v *VM) tellSteps(cmd *exec.Cmd) error {
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return err
	}
	var last []string
	said := time.Now()
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		last = append(last, lines.Text())
		last = last[max(0, len(last)-5):]
		if step, isStep := strings.CutPrefix(lines.Text(), "I: "); isStep && time.Since(said) > 8*time.Second {
			v.lab.Progress.Say(v.Name(), "%s", strings.TrimSuffix(step, "..."))
			said = time.Now()
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.Join(last, "; "))
	}
	return lines.Err()
}
