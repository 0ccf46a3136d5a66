package promtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Backfill adds a past that was never scraped, as OpenMetrics text with timestamps
// and an end. Prometheus is stopped and started again for it. What is older than
// its retention is forgotten after a while.
func (s *Server) Backfill(openMetrics []byte) {
	s.t.Helper()
	file := filepath.Join(s.config.Dir, "past.om")
	if err := os.WriteFile(file, openMetrics, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.Stop()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	said, err := exec.CommandContext(ctx, "promtool", "tsdb", "create-blocks-from", "openmetrics", file, filepath.Join(s.config.Dir, "data")).CombinedOutput()
	if err != nil {
		s.t.Fatalf("promtool: %v\n%s", err, said)
	}
	s.Restart()
}
