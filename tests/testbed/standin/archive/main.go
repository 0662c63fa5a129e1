// Command archive reads models, as `kcc model` prints them, from stdin and
// writes stand-ins for all images that they name to stdout: an archive that
// `docker load` and `ctr images import` read. The same input gives the same
// bytes. Its arguments are the program that stands in, and images to leave out.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "archive:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) < 2 {
		return errors.New("expected the stand-in's program")
	}
	program, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	images := images{}
	models := json.NewDecoder(os.Stdin)
	for {
		var model struct{ Components map[string]any }
		if err := models.Decode(&model); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("a model: %w", err)
		}
		for _, component := range model.Components {
			images.find(component, scope{})
		}
	}
	for _, reference := range os.Args[2:] {
		delete(images, reference)
	}
	if err := images.settle(); err != nil {
		return err
	}
	if err := images.describe(); err != nil {
		return err
	}
	return images.write(os.Stdout, program)
}
