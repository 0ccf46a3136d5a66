//go:build linux

// Command oddity is a handful of small services that are hard to look at: each does
// one thing that programs which grew on machines do, and says nothing about it. Its
// first argument, or its own name, says which one.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// oddities take the arguments after their name and return only with an error.
var oddities = map[string]func(args []string) error{
	"serve":     serve,
	"forker":    forker,
	"worker":    worker,
	"chatter":   chatter,
	"rotate":    rotate,
	"deleted":   deleted,
	"manyfiles": manyFiles,
	"nonutf8":   nonUTF8,
	"activated": activated,
	"brief":     brief,
	"nap":       nap,
	"remote":    remote,
	// compiledin has its port in its code: no file, no variable, no argument.
	"compiledin": func([]string) error { return serve([]string{":9012"}) },
}

func main() {
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	if oddities[name] == nil && len(args) > 0 {
		name, args = args[0], args[1:]
	}
	do := oddities[name]
	if do == nil {
		do = func([]string) error { return fmt.Errorf("there is no oddity %q", name) }
	}
	if err := do(args); err != nil {
		fmt.Fprintln(os.Stderr, "oddity: error:", err)
		os.Exit(1)
	}
}

func handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintln(w, "an oddity")
	})
}

// serve answers on an address, and knows no path but one.
func serve(args []string) error { return http.ListenAndServe(args[0], handler()) }

// activated takes its socket from systemd, sd_listen_fds(3).
func activated([]string) error {
	listener, err := net.FileListener(os.NewFile(3, "systemd"))
	if err != nil {
		return fmt.Errorf("take the socket: %w", err)
	}
	return http.Serve(listener, handler())
}

// worker does its work without being asked.
func worker([]string) error {
	for {
		fmt.Println("worked")
		time.Sleep(time.Second)
	}
}

// remote keeps a connection to a server elsewhere and begins anew when it is lost.
func remote(args []string) error {
	go func() {
		for {
			conn, err := net.Dial("tcp", args[1])
			if err == nil {
				conn.Read(make([]byte, 1))
				conn.Close()
			}
			time.Sleep(200 * time.Millisecond)
		}
	}()
	return serve(args)
}
