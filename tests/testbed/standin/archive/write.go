package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path"
	"runtime"
	"slices"
	"strconv"
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
		names, err := layer(i[reference].fill)
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

// fill gives the program the names that the image is called by, and the image the
// files and directories of the real one.
func (p *part) fill(archive *tar.Writer) error {
	entries := map[string]tar.Header{"tmp": {Mode: 0o1777, Typeflag: tar.TypeDir}}
	workdir := "/"
	if p.facts != nil {
		for name, directory := range p.facts.Directories {
			mode, err := strconv.ParseInt(cmp.Or(directory.Mode, "755"), 8, 32)
			if err != nil {
				return err
			}
			entries[strings.TrimPrefix(name, "/")] = tar.Header{Mode: mode, Uid: directory.UID, Gid: directory.GID, Typeflag: tar.TypeDir}
		}
		for name, target := range p.facts.Links {
			entries[strings.TrimPrefix(name, "/")] = tar.Header{Linkname: target, Mode: 0o777, Typeflag: tar.TypeSymlink}
		}
		if p.facts.Passwd != "" {
			entries["etc"] = tar.Header{Mode: 0o755, Typeflag: tar.TypeDir}
		}
		workdir = cmp.Or(p.facts.Workdir, workdir)
	}
	for _, name := range p.names {
		at := strings.TrimPrefix(name, "/")
		switch {
		case !strings.Contains(name, "/"):
			at = path.Join("bin", name)
		case at == name:
			at = strings.TrimPrefix(path.Join(workdir, name), "/")
		}
		if at != program {
			entries[at] = tar.Header{Linkname: "/" + program, Mode: 0o777, Typeflag: tar.TypeSymlink}
		}
	}
	// An engine may create parents that are missing with another mode.
	for name := range maps.Clone(entries) {
		for above := path.Dir(name); above != "."; above = path.Dir(above) {
			if _, ok := entries[above]; !ok {
				entries[above] = tar.Header{Mode: 0o755, Typeflag: tar.TypeDir}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		header := entries[name]
		header.Name = name
		if header.Typeflag == tar.TypeDir {
			header.Name += "/"
		}
		if err := archive.WriteHeader(&header); err != nil {
			return err
		}
	}
	if p.facts == nil || p.facts.Passwd == "" {
		return nil
	}
	passwd := "root:x:0:0::/root:/bin/sh\n" + p.facts.Passwd + "::/:/bin/false\n"
	return add(archive, "etc/passwd", 0o644, []byte(passwd))
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
	config := map[string]any{
		"Entrypoint": []string{"/" + program},
		"Env":        []string{"PATH=/bin", "STANDIN=" + string(told)},
		"User":       "65532:65532",
		"WorkingDir": "/",
		"Labels":     map[string]string{"kcc-standin": "true"},
	}
	if f := p.facts; f != nil {
		config["Env"] = slices.Concat(config["Env"].([]string), f.Env)
		config["User"] = f.User
		config["WorkingDir"] = cmp.Or(f.Workdir, "/")
		config["StopSignal"] = f.StopSignal
		volumes := map[string]any{}
		for _, volume := range f.Volumes {
			volumes[volume] = map[string]any{}
		}
		config["Volumes"] = volumes
	}
	text, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"created":      "1970-01-01T00:00:00Z",
		"config":       config,
		"rootfs":       map[string]any{"type": "layers", "diff_ids": diffs},
	})
	if err != nil {
		return file{}, err
	}
	return named(text, ".json"), nil
}
