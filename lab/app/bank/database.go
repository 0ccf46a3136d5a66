package bank

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// database is a connection that is held for as long as somebody answers, and dialled
// again where it ends. What a bank would ask over it, the lab leaves out.
type database struct {
	address string
	there   atomic.Bool
}

const (
	dialTime = time.Second
	redial   = 250 * time.Millisecond
)

// hold returns when ctx ends.
func (d *database) hold(ctx context.Context) {
	for ctx.Err() == nil {
		conn, err := (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "tcp", d.address)
		if err == nil {
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			d.there.Store(true)
			io.Copy(io.Discard, conn) // until the other side ends it
			d.there.Store(false)
			stop()
			conn.Close()
		}
		sleep(ctx, redial)
	}
}

// ServeDatabase takes connections and holds them until ctx ends: it stands for the
// database, of which the lab needs no more than that it is there.
func ServeDatabase(ctx context.Context, listen string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		context.AfterFunc(ctx, func() { conn.Close() })
		go func() {
			io.Copy(io.Discard, conn)
			conn.Close()
		}()
	}
}
