//go:build tools

// Package tools pins the cue tool that kcc is measured against.
package tools

import _ "cuelang.org/go/cmd/cue"
