// Package schemas holds kcc's schema as files, for the engine to carry.
package schemas

import "embed"

// Files are the CUE files of the schema.
//
//go:embed *.cue kinds/*.cue
var Files embed.FS
