//go:build lab

package legacy_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"rehome.dev/rehome/lab/legacy"
)

// page is one thing that clients ask an application for.
type page struct{ method, url string }

func at(port, path string) string { return "http://" + legacy.Address.String() + ":" + port + path }

// pages are asked for all the time while there is traffic; GET of each answers 200.
var pages = []page{
	{"GET", at("80", "/")}, {"GET", at("80", "/guests.php")}, {"GET", at("80", "/tellers/servlets/servlet/SessionExample")},
	{"GET", at("8000", "/entries")}, {"GET", at("8000", "/entries?mail")}, {"GET", at("8081", "/")}, {"GET", at("8082", "/")},
	{"GET", at("8083", "/")}, {"GET", at("8404", "/")},
	{"GET", at("9001", "/")}, {"GET", at("9002", "/")}, {"GET", at("9003", "/")}, {"GET", at("9004", "/")}, {"GET", at("9005", "/")},
	{"GET", at("9006", "/")}, {"GET", at("9007", "/")}, {"GET", at("9009", "/")}, {"GET", at("9010", "/")}, {"GET", at("9011", "/")},
	{"GET", at("9012", "/")}, {"GET", at("9013", "/")},
}

// logins leave something behind.
var logins = []page{
	{"POST", at("8081", "/login?customer=vimes")}, {"POST", at("8082", "/login?customer=vimes")},
}

// traffic lets clients use all applications until the test ends: new clients, all
// the time, without a cookie.
func (w *world) traffic(t *testing.T) {
	t.Helper()
	database(t)
	if err := w.Start(t.Context(), "customers"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	for _, p := range append(logins, pages...) {
		clients.Go(func() {
			for ctx.Err() == nil {
				ask(ctx, p)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		clients.Wait()
		if err := w.Stop(context.Background(), "customers"); err != nil {
			t.Error(err)
		}
	})
}

// ask asks once and keeps the connection for a while, so that who looks can see it.
func ask(ctx context.Context, p page) {
	client := &http.Client{Transport: &http.Transport{}, Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	if r, err := http.NewRequestWithContext(ctx, p.method, p.url, nil); err == nil {
		if reply, err := client.Do(r); err == nil {
			_, _ = io.Copy(io.Discard, reply.Body)
			reply.Body.Close()
		}
	}
	select {
	case <-ctx.Done():
	case <-time.After(300 * time.Millisecond):
	}
}

// database is a server outside the machine that takes connections and keeps them.
func database(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(legacy.Database.String(), "5432"))
	if err != nil {
		t.Fatal(err)
	}
	var held []net.Conn
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			held = append(held, conn)
		}
	})
	t.Cleanup(func() {
		listener.Close()
		accepting.Wait()
		for _, conn := range held {
			conn.Close()
		}
	})
}
