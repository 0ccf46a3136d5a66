package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// asApplication is the argument with which this program is the application that
// is probed. Three more follow: a directory, the number of files that it has open
// there, and of connections.
const asApplication = "application"

// application is a service of its own process: it answers HTTP, writes a log, and
// has files and connections open.
type application struct {
	pid int
	url string
	end func()
}

// launch starts an application with so many open files and connections, and gives
// it when it answers.
func launch(ctx context.Context, dir string, files, connections int) (application, error) {
	self, err := os.Executable()
	if err != nil {
		return application{}, err
	}
	if dir, err = os.MkdirTemp(dir, "application-"); err != nil {
		return application{}, err
	}
	cmd := exec.CommandContext(ctx, self, asApplication, dir, strconv.Itoa(files), strconv.Itoa(connections))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return application{}, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return application{}, err
	}
	if err := cmd.Start(); err != nil {
		return application{}, err
	}
	end := func() {
		_ = in.Close()
		_ = cmd.Wait() // what it says at its end is nobody's business
	}
	var url string
	if _, err := fmt.Fscanln(out, &url); err != nil {
		end()
		return application{}, fmt.Errorf("start the application: %w", err)
	}
	return application{pid: cmd.Process.Pid, url: url, end: end}, nil
}

// serve is that application. It says its URL, and ends with its standard input.
func serve(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	files, err1 := strconv.Atoi(args[1])
	connections, err2 := strconv.Atoi(args[2])
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	for i := range files {
		f, err := os.Create(filepath.Join(args[0], fmt.Sprintf("account-%d.dat", i)))
		if err != nil {
			return err
		}
		defer f.Close()
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	written, err := os.Create(filepath.Join(args[0], "access.log"))
	if err != nil {
		return err
	}
	defer written.Close()
	server := &http.Server{Handler: answers(log.New(written, "", log.LstdFlags)), ReadHeaderTimeout: 10 * time.Minute}
	go func() { _ = server.Serve(l) }() // it ends with the process
	for range connections {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\n"); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "http://%s/\n", l.Addr())
	_, err = io.Copy(io.Discard, in)
	return err
}

// answers does a little work for each request, and writes a line of its log.
func answers(access *log.Logger) http.Handler {
	page := bytes.Repeat([]byte(strings.Repeat("bank", 16)), 512)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%x\n", sha256.Sum256(page))
		access.Println(r.Method, r.URL.Path, http.StatusOK)
	})
}
