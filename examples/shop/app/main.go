// Command shop is the program of all services of the example: it answers over
// HTTP, calls what it needs, and connects to its database's port.
//
//	shop serve [--call URL]... [--dial HOST:PORT]...
//	shop migrate --dial HOST:PORT
package main

import (
	"fmt"
	"os"
	"strings"
)

// list is a flag that may be given several times.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("expected a command: serve or migrate")
	}
	switch args[0] {
	case "serve":
		return serve(args[1:])
	case "migrate":
		return migrate(args[1:])
	default:
		return fmt.Errorf("unknown command %q, expected serve or migrate", args[0])
	}
}
