package app

import (
	"context"
	"net"

	"rehome.dev/rehome/lab/network"
	"rehome.dev/rehome/lab/part"
	"rehome.dev/rehome/lab/vm"
)

// The processes that stand for the bank's databases, by the names that the lab stops
// and starts them by.
const (
	databaseName        = "database"
	stagingDatabaseName = "database-staging"
	databasePort        = "5432"
)

// databases are production's, which machine and pods share, and staging's own.
func databases() []part.Process {
	at := func(name string, h network.Host) part.Process {
		return part.Process{Name: name, Netns: h.Netns, Args: []string{"-database", ":" + databasePort},
			Ready: []string{"tcp://" + net.JoinHostPort(h.Address.String(), databasePort)}}
	}
	return []part.Process{at(databaseName, network.DB), at(stagingDatabaseName, network.StagingDB)}
}

func (a *App) startDatabases(ctx context.Context) error {
	for _, d := range databases() {
		d.Path = vm.Program(a.lab)
		if err := a.lab.Start(ctx, d); err != nil {
			return err
		}
	}
	return nil
}
