package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"time"
)

// saying is what an echo is asked.
var saying = bytes.Repeat([]byte("rehome. "), 8)

// echoServer gives back what it is sent, until ctx ends.
func echoServer(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go echo(c)
		}
	}()
	return l.Addr().String(), nil
}

// echo has a large buffer only for who sends more than sayings: thousands of connections
// wait.
func echo(c net.Conn) {
	defer c.Close()
	buffer := make([]byte, 4*len(saying))
	for {
		n, err := c.Read(buffer)
		if _, werr := c.Write(buffer[:n]); err != nil || werr != nil {
			return
		}
		if n == len(buffer) && n < portionSize {
			buffer = make([]byte, portionSize)
		}
	}
}

// portionSize is what is written at once, in bytes.
const portionSize = 128 << 10

// dialEcho makes a connection over which the echo has answered once.
func dialEcho(ctx context.Context, address string) (net.Conn, error) {
	c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if err = c.SetDeadline(time.Now().Add(time.Minute)); err == nil {
		err = trip(c)
	}
	if err != nil {
		_ = c.Close()
	}
	return c, err
}

// trip is one round trip.
func trip(c net.Conn) error {
	if _, err := c.Write(saying); err != nil {
		return err
	}
	var back [64]byte
	if _, err := io.ReadFull(c, back[:len(saying)]); err != nil {
		return err
	}
	if !bytes.Equal(back[:len(saying)], saying) {
		return errEcho
	}
	return nil
}

// trips are those of one connection, by second.
func trips(ctx context.Context, address string) (float64, error) {
	c, err := dialEcho(ctx, address)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return rate(func() error { return trip(c) })
}

// dials are connections that are made, asked once and closed, by second.
func dials(ctx context.Context, address string) (float64, error) {
	return rate(func() error {
		c, err := dialEcho(ctx, address)
		if err != nil {
			return err
		}
		return c.Close()
	})
}

func rate(once func() error) (float64, error) {
	n, began := 0, time.Now()
	for time.Since(began) < forwardFor {
		if err := once(); err != nil {
			return 0, err
		}
		n++
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

// bulk is how many bytes come back by second while one writes as fast as it can.
func bulk(ctx context.Context, address string) (float64, error) {
	c, err := dialEcho(ctx, address)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	done := make(chan error, 1)
	began := time.Now()
	go func() {
		portion := make([]byte, portionSize)
		for time.Since(began) < forwardFor {
			if _, err := c.Write(portion); err != nil {
				done <- err
				return
			}
		}
		done <- c.(*net.TCPConn).CloseWrite()
	}()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, portionSize))
	took := time.Since(began).Seconds()
	if werr := <-done; err == nil {
		err = werr
	}
	return float64(n) / took, err
}
