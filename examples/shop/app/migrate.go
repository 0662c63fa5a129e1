package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"time"
)

// migrate stands in for a schema migration: it succeeds once the database's
// port accepts connections, and fails if that takes too long.
func migrate(args []string) error {
	flags := flag.NewFlagSet("migrate", flag.ContinueOnError)
	address := flags.String("dial", "", "address of the database")
	within := flags.Duration("within", 30*time.Second, "how long to try")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *address == "" {
		return fmt.Errorf("expected --dial HOST:PORT")
	}
	for end := time.Now().Add(*within); ; time.Sleep(200 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", *address, time.Second)
		if err == nil {
			log.Printf("migrated the database at %s", *address)
			return conn.Close()
		}
		if time.Now().After(end) {
			return err
		}
	}
}
