package bank

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"
)

// Run serves until ctx ends, which is the request to stop. A service put right
// then answers 503 on /readyz, takes no new connection and lets requests in flight
// finish within the drain timeout; a legacy one, or one that refuses to drain, cuts
// them off. When the drain takes too long the rest is cut off too, with an error.
func Run(ctx context.Context, c Config, stdout io.Writer) error {
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return Serve(ctx, c, listener, stdout)
}

// Serve is Run on a listener, which it closes.
func Serve(ctx context.Context, c Config, listener net.Listener, stdout io.Writer) error {
	log, closeLog, err := c.logger(stdout)
	if err != nil {
		listener.Close()
		return err
	}
	defer closeLog()
	service := New(c, log)
	server := &http.Server{
		Handler: service, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ConnState: service.countConnection, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	if service.database != nil {
		keep, stop := context.WithCancel(context.WithoutCancel(ctx))
		defer stop()
		go service.database.hold(keep)
	}
	log.Info("serving", "listen", listener.Addr().String(), "version", c.Version, "side", c.Side(), "db_host", c.DatabaseHost)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	if c.Legacy || c.RefuseDrain {
		log.Warn("stopping at once")
		return server.Close()
	}
	service.draining.Store(true)
	log.Info("draining", "timeout", c.DrainTimeout)
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.DrainTimeout)
	defer cancel()
	if err := server.Shutdown(bounded); err != nil {
		return errors.Join(fmt.Errorf("drain: %w", err), server.Close())
	}
	log.Info("drained")
	return nil
}

// logger writes JSON to stdout, or text to the legacy log file.
func (c Config) logger(stdout io.Writer) (*slog.Logger, func() error, error) {
	if c.LogFile == "" {
		return slog.New(slog.NewJSONHandler(stdout, nil)), func() error { return nil }, nil
	}
	file, err := os.OpenFile(c.LogFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return nil, nil, fmt.Errorf("open the log file: %w", err)
	}
	return slog.New(slog.NewTextHandler(file, nil)), file.Close, nil
}

func (s *Service) countConnection(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.connections.Inc()
	case http.StateClosed, http.StateHijacked:
		s.connections.Dec()
	}
}
