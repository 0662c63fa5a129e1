// Package wire holds the texts that the host and the guest exchange.
//
// PROTOCOL.md, beside this folder, says what each part means. Nothing here
// knows how a model is evaluated.
package wire

import (
	"encoding/json"
	"fmt"
)

// Version is the protocol that this guest speaks.
const Version = 1

// The operations of a request.
const (
	OpSchema = "schema"
	OpSystem = "system"
	OpModel  = "model"
)

// Request is what the host asks for.
type Request struct {
	Version int    `json:"version"`
	Op      string `json:"op"`
	Target  string `json:"target"`
	// Engine is the target's engine: `docker` or `kubernetes`.
	Engine  string   `json:"engine"`
	Targets []string `json:"targets"`
	Teams   []Team   `json:"teams"`
	Files   []File   `json:"files"`
	// Explain asks for what else is said about each value.
	Explain bool `json:"explain"`
	// Packages are those that fragments import, Missing the imports that lead
	// to none.
	Packages []Package `json:"packages"`
	Missing  []Missing `json:"missing"`
}

// Package is a folder that fragments import.
type Package struct {
	// Paths are all the ways in which it is imported.
	Paths []string `json:"paths"`
	// Files are indexes of the request's files.
	Files []int `json:"files"`
}

// Missing is an import that leads to no package.
type Missing struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
	// Candidates are what may have been meant.
	Candidates []string `json:"candidates"`
	// Name is the folder or file that the reason is about.
	Name string `json:"name"`
}

// Team is one team of the system with the paths it may speak about.
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
}

// ParseRequest reads a request of this version.
func ParseRequest(text []byte) (*Request, error) {
	var req Request
	if err := json.Unmarshal(text, &req); err != nil {
		return nil, fmt.Errorf("the request is not JSON of this protocol: %w", err)
	}
	if req.Version != Version {
		return nil, fmt.Errorf("the request has version %d, this engine speaks version %d", req.Version, Version)
	}
	return &req, nil
}
