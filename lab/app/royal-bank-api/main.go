// Command royal-bank-api is the application that the lab moves. `-legacy` runs it
// as on the virtual machine, otherwise it is put right; see package bank.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"rehome.dev/rehome/lab/app/bank"
)

func main() {
	legacy := flag.Bool("legacy", false, "configuration, log and sessions in files, no health endpoint, no drain")
	dir := flag.String("config", "/etc/royal-bank-api", "`directory` with *.conf files")
	flag.Parse()
	if err := run(*legacy, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "royal-bank-api: error:", err)
		os.Exit(1)
	}
}

func run(legacy bool, dir string) error {
	config, err := bank.Load(legacy, dir, os.Environ())
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	return bank.Run(ctx, config, os.Stdout)
}
