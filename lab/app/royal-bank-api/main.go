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
	database := flag.String("database", "", "serve as the database at `address`, and nothing else")
	dir := flag.String("config", "/etc/royal-bank-api", "`directory` with *.conf files")
	flag.Parse()
	if err := run(*legacy, *dir, *database); err != nil {
		fmt.Fprintln(os.Stderr, "royal-bank-api: error:", err)
		os.Exit(1)
	}
}

func run(legacy bool, dir, database string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if database != "" {
		return bank.ServeDatabase(ctx, database)
	}
	config, err := bank.Load(legacy, dir, os.Environ())
	if err != nil {
		return err
	}
	return bank.Run(ctx, config, os.Stdout)
}
