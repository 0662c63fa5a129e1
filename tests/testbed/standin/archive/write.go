package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"runtime"
	"slices"
	"strings"
)

const program = "bin/standin"

type manifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// write writes the archive: one layer with the program for all images, and one
// for each with the names that it is called by.
func (i images) write(to io.Writer, binary []byte) error {
	base, err := layer(func(archive *tar.Writer) error {
		return add(archive, program, 0o755, binary)
	})
	if err != nil {
		return err
	}
	out := tar.NewWriter(to)
	written := []string{base.name}
	if err := add(out, base.name, 0o644, base.content); err != nil {
		return err
	}
	var manifests []manifest
	for _, reference := range i.references() {
		names, err := layer(i[reference].link)
		if err != nil {
			return err
		}
		config, err := i[reference].config(base, names)
		if err != nil {
			return err
		}
		for _, file := range []file{names, config} {
			if slices.Contains(written, file.name) {
				continue
			}
			written = append(written, file.name)
			if err := add(out, file.name, 0o644, file.content); err != nil {
				return err
			}
		}
		manifests = append(manifests, manifest{config.name, []string{reference}, []string{base.name, names.name}})
	}
	text, err := json.Marshal(manifests)
	if err != nil {
		return err
	}
	if err := add(out, "manifest.json", 0o644, text); err != nil {
		return err
	}
	return out.Close()
}

// file is a part of the archive, named after what it holds.
type file struct {
	name, digest string
	content      []byte
}

func layer(fill func(*tar.Writer) error) (file, error) {
	var buffer bytes.Buffer
	archive := tar.NewWriter(&buffer)
	if err := fill(archive); err != nil {
		return file{}, err
	}
	if err := archive.Close(); err != nil {
		return file{}, err
	}
	return named(buffer.Bytes(), ".tar"), nil
}

func named(content []byte, extension string) file {
	digest := fmt.Sprintf("%x", sha256.Sum256(content))
	return file{digest + extension, "sha256:" + digest, content}
}

func add(archive *tar.Writer, name string, mode int64, content []byte) error {
	header := tar.Header{Name: name, Mode: mode, Size: int64(len(content)), Typeflag: tar.TypeReg}
	if err := archive.WriteHeader(&header); err != nil {
		return err
	}
	_, err := archive.Write(content)
	return err
}

// link gives the program the names that the image is called by, and a folder
// for what is written for a while.
func (p *part) link(archive *tar.Writer) error {
	header := tar.Header{Name: "tmp/", Mode: 0o1777, Typeflag: tar.TypeDir}
	if err := archive.WriteHeader(&header); err != nil {
		return err
	}
	for _, name := range p.names {
		at := strings.TrimPrefix(name, "/")
		if !strings.Contains(name, "/") {
			at = path.Join("bin", name)
		}
		if at == program {
			continue
		}
		header := tar.Header{Name: at, Linkname: "/" + program, Mode: 0o777, Typeflag: tar.TypeSymlink}
		if err := archive.WriteHeader(&header); err != nil {
			return err
		}
	}
	return nil
}

func (p *part) config(layers ...file) (file, error) {
	told, err := json.Marshal(p)
	if err != nil {
		return file{}, err
	}
	var diffs []string
	for _, layer := range layers {
		diffs = append(diffs, layer.digest)
	}
	text, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"created":      "1970-01-01T00:00:00Z",
		"config": map[string]any{
			"Entrypoint": []string{"/" + program},
			"Env":        []string{"PATH=/bin", "STANDIN=" + string(told)},
			"User":       "65532:65532",
			"WorkingDir": "/",
			"Labels":     map[string]string{"kcc-standin": "true"},
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs},
	})
	if err != nil {
		return file{}, err
	}
	return named(text, ".json"), nil
}
