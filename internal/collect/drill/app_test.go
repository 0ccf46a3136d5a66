//go:build linux

package drill_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
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
		syscall.Exit(code)
	}
	if len(os.Args) > 2 && os.Args[1] == "application" {
		syscall.Exit(application(os.Args[2:])) // not os.Exit, where the race detector waits for a second
	}
	if len(os.Args) > 2 && os.Args[1] == "replaced" {
		replaced(os.Args[2])
	}
	flag.Parse()
	_ = flag.Set("test.parallel", "8") // they wait more than they work
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
		switch {
		case kind == "swift" && clients.Load() <= 40: // it answers at once unless many ask
			return
		case kind == "astray":
			w.WriteHeader(http.StatusNotFound)
		}
		time.Sleep(400 * time.Millisecond)
		_, _ = w.Write([]byte(strings.Repeat("x", 10000)))
	})
	http.HandleFunc("/livez", func(http.ResponseWriter, *http.Request) {
		if kind == "astray" || kind == "swift" && clients.Load() > 40 {
			time.Sleep(200 * time.Millisecond)
		}
	})
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

// replaced lets a thread that is not the first one put the program in its own place,
// so many times; the last one says so and waits.
func replaced(times string) {
	n, _ := strconv.Atoi(times)
	if n == 0 {
		fmt.Print("x")
		_, _ = io.Copy(io.Discard, os.Stdin)
		syscall.Exit(0)
	}
	for range 8 { // one of them is on another thread than the first
		go func() {
			runtime.LockOSThread()
			if syscall.Gettid() != os.Getpid() {
				_ = syscall.Exec("/proc/self/exe", []string{os.Args[0], "replaced", strconv.Itoa(n - 1)}, os.Environ())
			}
			select {}
		}()
	}
	time.Sleep(time.Minute)
}

func serve(kind string, listener net.Listener) int {
	server, signals, done := &http.Server{ConnState: count}, make(chan os.Signal, 1), make(chan struct{})
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

// clients are the connections that are open.
var clients atomic.Int64

func count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		clients.Add(1)
	case http.StateClosed, http.StateHijacked:
		clients.Add(-1)
	default:
	}
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
