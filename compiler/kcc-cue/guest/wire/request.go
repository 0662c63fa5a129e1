// Package wire defines the messages between host and guest and their encoding.
//
// PROTOCOL.md documents the meaning of each part. Nothing here knows how a model
// is evaluated.
package wire

import (
	"encoding/json"
	"fmt"
)

// Version is the version of the protocol.
const Version = 1

// The operations of a request.
const (
	OpSchema = "schema"
	OpSystem = "system"
	OpModel  = "model"
	OpFormat = "format"
)

// Request is one request of the host.
type Request struct {
	Version int    `json:"version"`
	Op      string `json:"op"`
	Target  string `json:"target"`
	// Engine is the target's engine: `docker` or `kubernetes`.
	Engine  string   `json:"engine"`
	Targets []string `json:"targets"`
	Teams   []Team   `json:"teams"`
	Files   []File   `json:"files"`
	// Explain asks for the annotations of each value.
	Explain bool `json:"explain"`
	// Packages are the packages that fragments import; Missing are the imports
	// that resolve to none.
	Packages []Package `json:"packages"`
	Missing  []Missing `json:"missing"`
}

// Package is a directory that fragments import.
type Package struct {
	// Paths are all paths that import it.
	Paths []string `json:"paths"`
	// Files are indexes of the request's files.
	Files []int `json:"files"`
}

// Missing is an import that resolves to no package.
type Missing struct {
	Path   string  `json:"path"`
	Reason Absence `json:"reason"`
	// Candidates are similar paths that exist.
	Candidates []string `json:"candidates"`
	// Name is the directory or file that the reason is about.
	Name string `json:"name"`
}

// Team is one team of the system with the paths it owns and governs.
type Team struct {
	Name    string   `json:"name"`
	Owns    []string `json:"owns"`
	Governs []string `json:"governs"`
}

// File is a fragment, named relative to the system's root.
type File struct {
	Name string `json:"name"`
	Text string `json:"text"`
	// Team is empty for the system's own files.
	Team string `json:"team"`
	// Omitted are declarations that the text lacks because the evaluation stops
	// at them.
	Omitted []string `json:"omitted"`
}

// ParseRequest parses a request of this version.
func ParseRequest(text []byte) (*Request, error) {
	var req Request
	if err := json.Unmarshal(text, &req); err != nil {
		return nil, fmt.Errorf("invalid request: %w", err)
	}
	if req.Version != Version {
		return nil, fmt.Errorf("the request has version %d, expected version %d", req.Version, Version)
	}
	return &req, nil
}
