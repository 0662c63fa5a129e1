// Command standin stands in for a database image where none can be pulled: it
// listens on the database's port and answers its health check, and does
// nothing else. Called pg_isready or redis-cli, it is that health check.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

func run() error {
	switch filepath.Base(os.Args[0]) {
	case "pg_isready":
		return ready("127.0.0.1:5432")
	case "redis-cli":
		return ready("127.0.0.1:6379")
	}
	if len(os.Args) < 2 {
		return fmt.Errorf("expected an address to listen on")
	}
	return listen(os.Args[1])
}

func ready(address string) error {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

// listen accepts connections until it is asked to stop and discards what they say.
func listen(address string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "standin: listening on", address)
	go func() {
		<-ctx.Done()
		_ = listener.Close()
	}()
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}()
	}
}
