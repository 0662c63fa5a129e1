package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

// facts are what is known of a real image: how it was built, and what it does before
// it serves.
type facts struct {
	// Where they were read.
	Source string
	User   string
	// A line of /etc/passwd, up to the group.
	Passwd      string
	Workdir     string
	Links       map[string]string
	Directories map[string]directory
	Volumes     []string
	Env         []string
	StopSignal  string
	// What ../start.go reads.
	Start json.RawMessage
}

type directory struct {
	UID, GID int
	// In octal; 0755 if it is missing.
	Mode string
}

//go:embed facts.json
var known []byte

// readFacts returns the facts by repository.
func readFacts() (map[string]facts, error) {
	var all map[string]facts
	if err := json.Unmarshal(known, &all); err != nil {
		return nil, fmt.Errorf("facts.json: %w", err)
	}
	return all, nil
}

// repository returns the repository of a reference.
func repository(reference string) string {
	reference, _, _ = strings.Cut(reference, "@")
	slash := strings.LastIndex(reference, "/")
	if colon := strings.LastIndex(reference, ":"); colon > slash {
		reference = reference[:colon]
	}
	return reference
}
