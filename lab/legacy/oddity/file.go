//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// chatter serves and tells its standard output about it, ten times a second.
func chatter(args []string) error {
	go func() {
		for {
			fmt.Println("all is well, and it is", time.Now().Format(time.TimeOnly))
			time.Sleep(100 * time.Millisecond)
		}
	}()
	return serve(args)
}

// rotate writes what it is told to a file.
func rotate(args []string) error {
	file, err := os.OpenFile(args[0], os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fmt.Fprintln(file, lines.Text())
	}
	return lines.Err()
}

// deleted writes to a file that has no name any more.
func deleted(args []string) error {
	file, err := os.Create("/var/lib/deleted/spool.db")
	if err != nil {
		return err
	}
	if err := os.Remove(file.Name()); err != nil {
		return err
	}
	go func() {
		for {
			file.Write(make([]byte, 4096))
			time.Sleep(100 * time.Millisecond)
		}
	}()
	return serve(args)
}

// manyFiles has ten thousand files open.
func manyFiles(args []string) error {
	const dir = "/var/lib/manyfiles"
	held := make([]*os.File, 10_000)
	for i := range held {
		file, err := os.Create(filepath.Join(dir, strconv.Itoa(i)))
		if err != nil {
			return err
		}
		held[i] = file
	}
	err := serve(args)
	for _, file := range held {
		file.Close()
	}
	return err
}
