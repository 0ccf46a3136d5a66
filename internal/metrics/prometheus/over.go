package prometheus

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

// Over makes a source of what answers as Prometheus does at the address, reached by a
// client that has logged in already. Each reading is bounded by the timeout, and a side
// that is silent for three scrapes is missing.
func Over(address string, client *http.Client, timeout, scrape time.Duration) (*Source, error) {
	c, err := api.NewClient(api.Config{Address: address, Client: client})
	if err != nil {
		return nil, fmt.Errorf("address of a Prometheus: %w", err)
	}
	return &Source{api: v1.NewAPI(c), address: address, timeout: timeout, scrape: scrape}, nil
}
