// Command standin stands in for an image where none can be pulled. It listens
// on the image's ports, answers HTTP and the gRPC health service there, and
// tells on "/" whether it reaches what its component needs. As a job it ends at
// once, and called as a health check it tries the first port. Before it serves it does
// what the image is known to do: step down from root, write to its directories, or
// create a database.
//
// What it is comes from the image: the variable STANDIN, written by images.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// part is what the image says about itself.
type part struct {
	// Ports to listen on, as in "8080/TCP".
	Ports []string
	// The beginnings of commands that end at once, and that check the others.
	Once, Checks []string
	// What it does before it serves.
	Start *start
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var p part
	if err := json.Unmarshal([]byte(os.Getenv("STANDIN")), &p); err != nil {
		return fmt.Errorf("STANDIN: %w", err)
	}
	return p.play(ctx, beginning(os.Args))
}

// beginning is how a command begins, as the model has it: without the
// entrypoint of the image.
func beginning(args []string) string {
	if args[0] == "/bin/standin" {
		args = args[1:]
	}
	return strings.Join(args[:min(2, len(args))], " ")
}

func (p part) play(ctx context.Context, command string) error {
	var tcp, udp []string
	for _, port := range p.Ports {
		if number, ok := strings.CutSuffix(port, "/UDP"); ok {
			udp = append(udp, ":"+number)
		} else {
			tcp = append(tcp, ":"+strings.TrimSuffix(port, "/TCP"))
		}
	}
	switch {
	case slices.Contains(p.Checks, command):
		if len(tcp) == 0 {
			return nil
		}
		return dial("127.0.0.1" + tcp[0])
	}
	if err := p.Start.run(); err != nil {
		return err
	}
	if slices.Contains(p.Once, command) {
		fmt.Fprintln(os.Stderr, "standin: done")
		return nil
	}
	return serve(ctx, tcp, udp)
}

func dial(address string) error {
	conn, err := net.DialTimeout("tcp", address, 2*time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}
