//go:build linux

package drill_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"rehome.dev/rehome/internal/collect/drill"
)

// canary stands in the applications' arguments and environment.
const canary = "c4nary-s3cret-0815"

// TestMain lets the test's program be the agent that calls itself, and each of the
// applications.
func TestMain(m *testing.M) {
	if code, mine := drill.Main(os.Args[1:]); mine {
		os.Exit(code)
	}
	if len(os.Args) > 2 && os.Args[1] == "application" {
		os.Exit(application(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// application serves on a port in one of several ways. Its dependency is an
// address that it dials.
func application(args []string) int {
	kind, address, dependency, file := args[0], args[1], args[2], args[3]
	reach := func() error {
		conn, err := net.DialTimeout("tcp", dependency, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err
	}
	switch kind {
	case "exits-alone":
		if reach() != nil {
			return 1
		}
	case "waits-alone":
		for reach() != nil {
			time.Sleep(10 * time.Millisecond)
		}
	}
	if file != "" {
		if err := os.WriteFile(file, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
			return 2
		}
	}
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(400 * time.Millisecond)
		_, _ = w.Write([]byte(strings.Repeat("x", 10000)))
	})
	http.HandleFunc("/livez", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if kind != "lies" && reach() != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return 3
	}
	if kind == "speaks-otherwise" {
		return greet(listener)
	}
	return serve(kind, listener)
}

func serve(kind string, listener net.Listener) int {
	server, signals, done := &http.Server{}, make(chan os.Signal, 1), make(chan struct{})
	switch kind {
	case "dies": // the default of the signal
	case "stays":
		signal.Ignore(syscall.SIGTERM)
	default:
		signal.Notify(signals, syscall.SIGTERM)
		go func() {
			<-signals
			if kind == "drops" {
				_ = server.Close()
			} else {
				_ = server.Shutdown(context.Background())
			}
			close(done)
		}()
	}
	_ = server.Serve(listener)
	<-done
	return 0
}

func greet(listener net.Listener) int {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return 4
		}
		_, _ = fmt.Fprint(conn, "220 mail.example.org\r\n")
		_ = conn.Close()
	}
}
