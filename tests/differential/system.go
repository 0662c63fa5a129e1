// Package differential compares kcc with plain CUE.
//
// Each system under `systems` is evaluated twice: by kcc's evaluator and by CUE's
// own loader and evaluator, as `cue vet -c` and `cue export` do. Both must accept
// it with the same values, or reject it at the same line. Intended differences
// are marked with the heading in docs/cue.md that explains them.
package differential

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// base is the first file of every system.
const base = `package s

system: {
	name: "s"
	teams: {
		a: path: "teams/a"
		b: path: "teams/b"
	}
	targets: dev: kubernetes: namespace: "s"
}
objects: x: {apiVersion: "example.com/v1", kind: "Example"}
`

// clause is added to files without a package clause.
const clause = "package s\n"

// module is the module path of a system's packages.
const module = "acme.com/s"

// moduleFile makes a directory a module of the current language version.
const moduleFile = "module: \"" + module + "@v0\"\nlanguage: version: \"v0.17.0\"\n"

// file is one file of a system.
type file struct {
	name, text string
	// shifted is set if the package clause was added in front of the text.
	shifted bool
}

// system is one comparison.
type system struct {
	section, name string
	files         []file
	// want is CUE's result.
	want string
	// target is the target to evaluate for, `dev` if empty.
	target string
	// differs is the heading in docs/cue.md under which kcc differs, and kcc its
	// result instead.
	differs, kcc string
}

// fragment reports whether a file belongs to a system's own package.
func (s *system) fragment(f file) bool {
	return packageClause(f.text) == s.clause()
}

// clause returns the package clause of a system's fragments.
func (s *system) clause() string {
	all := s.all()
	at := slices.IndexFunc(all, func(f file) bool { return f.name == "kcc.cue" })
	return packageClause(all[at].text)
}

// all returns the files of a system, kcc.cue first.
func (s *system) all() []file {
	if slices.ContainsFunc(s.files, func(f file) bool { return f.name == "kcc.cue" }) {
		return s.files
	}
	return append([]file{{name: "kcc.cue", text: base}}, s.files...)
}

// targetName returns the target to evaluate for.
func (s *system) targetName() string {
	return cmp.Or(s.target, "dev")
}

// fullName returns the name of the test.
func (s *system) fullName() string {
	return s.section + "/" + s.name
}

// mentions reports whether a fragment has a field, given as `name:`.
func (s *system) mentions(field string) bool {
	return slices.ContainsFunc(s.files, func(f file) bool {
		return strings.HasPrefix(f.text, field) || strings.Contains(f.text, "\n"+field) ||
			strings.Contains(f.text, " "+field) || strings.Contains(f.text, "\t"+field)
	})
}

// examples is the directory of the project's examples.
const examples = "../../examples"

// readExamples reads each example once per target.
func readExamples() ([]*system, error) {
	roots, err := filepath.Glob(examples + "/*/kcc.cue")
	if err != nil {
		return nil, err
	}
	var systems []*system
	for _, root := range roots {
		folder := filepath.Dir(root)
		one := &system{section: "examples", name: filepath.Base(folder)}
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".cue") {
				return err
			}
			text, err := os.ReadFile(path)
			name, _ := filepath.Rel(folder, path)
			one.files = append(one.files, file{name: name, text: string(text)})
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, target := range []string{"dev", "prod"} {
			each := *one
			each.name += " " + target
			each.target = target
			systems = append(systems, &each)
		}
	}
	return systems, nil
}

// document is a file of systems.
type document struct {
	path    string
	head    string
	systems []*system
}

// readAll reads every file of systems.
func readAll() ([]*document, error) {
	paths, err := filepath.Glob("systems/*.txt")
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	var documents []*document
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		d, err := parse(path, string(text))
		if err != nil {
			return nil, err
		}
		documents = append(documents, d)
	}
	return documents, nil
}

// parse parses a file of systems; README.md describes the format.
func parse(path, text string) (*document, error) {
	d := &document{path: path}
	section := strings.TrimSuffix(filepath.Base(path), ".txt")
	var current *system
	var body strings.Builder
	name := ""
	closeFile := func() {
		if current != nil && name != "" {
			f := file{name: name, text: strings.TrimRight(body.String(), "\n") + "\n"}
			if strings.HasSuffix(name, ".cue") && !strings.HasPrefix(name, "cue.mod/") && packageClause(f.text) == "" {
				f.text, f.shifted = clause+f.text, true
			}
			current.files = append(current.files, f)
		}
		name = ""
		body.Reset()
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "== "):
			closeFile()
			current = &system{section: section, name: strings.TrimPrefix(line, "== ")}
			d.systems = append(d.systems, current)
			name = "web.cue"
		case current == nil:
			d.head += line + "\n"
		case strings.HasPrefix(line, "-- ") && strings.HasSuffix(line, " --"):
			if strings.TrimSpace(body.String()) == "" && name == "web.cue" {
				name = ""
			}
			closeFile()
			name = strings.TrimSuffix(strings.TrimPrefix(line, "-- "), " --")
		case strings.HasPrefix(line, "=> kcc "):
			closeFile()
			rest := strings.TrimPrefix(line, "=> kcc ")
			current.differs, current.kcc, _ = strings.Cut(rest, ": ")
			current.differs = strings.TrimSuffix(current.differs, ":")
		case strings.HasPrefix(line, "=> "), line == "=>":
			closeFile()
			current.want = strings.TrimSpace(strings.TrimPrefix(line, "=>"))
		case name == "" && strings.TrimSpace(line) == "":
		case name == "":
			return nil, fmt.Errorf("%s: %q follows the expectation of %q", path, line, current.name)
		default:
			body.WriteString(line + "\n")
		}
	}
	closeFile()
	return d, nil
}

// packageClause returns the clause a file begins with, after comments and
// attributes.
func packageClause(text string) string {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "//") || strings.HasPrefix(line, "@") {
			continue
		}
		if strings.HasPrefix(line, "package ") {
			return line
		}
		break
	}
	return ""
}

// rewrite rewrites the expectations of a document.
func (d *document) rewrite() error {
	var out strings.Builder
	out.WriteString(d.head)
	for i, s := range d.systems {
		if i > 0 {
			out.WriteString("\n")
		}
		fmt.Fprintf(&out, "== %s\n", s.name)
		for _, f := range s.files {
			text := f.text
			if f.shifted {
				text = strings.TrimPrefix(text, clause)
			}
			if f.name != "web.cue" {
				fmt.Fprintf(&out, "-- %s --\n", f.name)
			}
			out.WriteString(text)
		}
		fmt.Fprintf(&out, "=> %s\n", s.want)
		if s.differs != "" {
			fmt.Fprintf(&out, "=> kcc %s: %s\n", s.differs, s.kcc)
		}
	}
	return os.WriteFile(d.path, []byte(out.String()), 0o644)
}
