//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// forker forks twice and ends, as daemons did before there was systemd: what serves
// in the end is a child of nobody.
func forker(args []string) error {
	const stage = "ODDITY_FORKER"
	switch os.Getenv(stage) {
	case "":
		os.Setenv(stage, "session")
		return again(args, true)
	case "session":
		os.Setenv(stage, "daemon")
		return again(args, false)
	}
	return serve(args)
}

func again(args []string, newSession bool) error {
	cmd := exec.Command("/proc/self/exe", append([]string{"forker"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: newSession}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("fork: %w", err)
	}
	os.Exit(0)
	return nil
}

// brief has children that live for less than a second, and ends of its own accord
// when its time is over.
func brief(args []string) error {
	life, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	go func() { _ = serve(args[1:]) }()
	for end := time.Now().Add(life); time.Now().Before(end); {
		if err := exec.Command("/proc/self/exe", "nap", "700ms").Run(); err != nil {
			return fmt.Errorf("run a child: %w", err)
		}
	}
	return nil
}

func nap(args []string) error {
	length, err := time.ParseDuration(args[0])
	time.Sleep(length)
	return err
}

// nonUTF8 becomes a program whose name, whose argument and whose configuration are
// written in Latin-1.
func nonUTF8(args []string) error {
	const program, config = "/var/lib/nonutf8/b\xfccherei", "/var/lib/nonutf8/caf\xe9.conf"
	if self, _ := os.Executable(); self == program {
		file, err := os.Open(config)
		if err != nil {
			return err
		}
		defer file.Close()
		return serve(args)
	}
	text, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{program: text, config: []byte("shelf = upper\n")} {
		if err := os.WriteFile(name, data, 0o755); err != nil {
			return err
		}
	}
	return syscall.Exec(program, append([]string{"b\xfccherei", "nonutf8"}, args...), os.Environ())
}
