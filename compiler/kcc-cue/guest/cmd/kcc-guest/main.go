// Command kcc-guest answers one request natively: it reads the request from
// standard input and writes the response to standard output. It exists to debug
// the evaluator without WebAssembly; kcc itself never runs it.
package main

import (
	"fmt"
	"io"
	"os"

	"kcc.dev/evaluator/serve"
)

func main() {
	request, err := io.ReadAll(os.Stdin)
	if err == nil {
		_, err = os.Stdout.Write(append(serve.Run(request), '\n'))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kcc-guest:", err)
		os.Exit(1)
	}
}
