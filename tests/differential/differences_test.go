package differential

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// page lists the differences from CUE.
const page = "../../docs/cue.md"

// difference is a heading of the page with the tests it names.
type difference struct {
	heading string
	tests   []string
}

var quoted = regexp.MustCompile("`([^`]+)`")

// readDifferences reads the headings below "What differs from CUE", by their
// anchors.
func readDifferences(t *testing.T) map[string]difference {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, text2, found := strings.Cut(string(text), "\n## What differs from CUE\n")
	if !found {
		t.Fatalf("%s has no list of differences", page)
	}
	differences := map[string]difference{}
	for _, part := range strings.Split(text2, "\n### ")[1:] {
		heading, body, _ := strings.Cut(part, "\n")
		d := difference{heading: heading}
		for line := range strings.Lines(body) {
			if tests, ok := strings.CutPrefix(line, "Tests: "); ok {
				for _, match := range quoted.FindAllStringSubmatch(tests, -1) {
					d.tests = append(d.tests, match[1])
				}
			}
		}
		if !strings.Contains(body, "\nWhy: ") {
			t.Errorf("%q has no reason", heading)
		}
		differences[anchor(heading)] = d
	}
	return differences
}

// anchor returns the anchor of a heading.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case strings.ContainsRune("`,", r):
			return -1
		}
		return r
	}, strings.ToLower(heading))
}

// TestDifferencesAreDocumented checks that every difference on the page has a
// test, and that every system marked as different is on the page.
func TestDifferencesAreDocumented(t *testing.T) {
	documents, err := readAll()
	if err != nil {
		t.Fatal(err)
	}
	systems := map[string]*system{}
	for _, d := range documents {
		for _, s := range d.systems {
			systems[s.fullName()] = s
		}
	}
	differences := readDifferences(t)
	for _, d := range differences {
		if len(d.tests) == 0 {
			t.Errorf("%q names no test", d.heading)
		}
		for _, name := range d.tests {
			s := systems[name]
			switch {
			case s != nil && s.differs != "" && s.differs != anchor(d.heading):
				t.Errorf("%q is listed under %q and marked %q", name, d.heading, s.differs)
			case s == nil && !exists(t, name):
				t.Errorf("%q names the test %q, which does not exist", d.heading, name)
			}
		}
	}
	for name, s := range systems {
		if s.differs != "" && !slices.Contains(differences[s.differs].tests, name) {
			t.Errorf("%q is marked %q and not listed there in %s", name, s.differs, page)
		}
	}
}

// exists reports whether a name is a test file or a test of this package.
func exists(t *testing.T, name string) bool {
	t.Helper()
	if strings.HasPrefix(name, "Test") {
		files, _ := filepath.Glob("*_test.go")
		return slices.ContainsFunc(files, func(file string) bool {
			text, _ := os.ReadFile(file)
			return strings.Contains(string(text), "\nfunc "+name+"(")
		})
	}
	_, err := os.Stat(filepath.Join("../..", name))
	return err == nil
}

// TestDirectoriesFormOnePackage covers what the systems cannot, because their
// fragments are put into one directory for CUE.
func TestDirectoriesFormOnePackage(t *testing.T) {
	s := &system{files: []file{
		{name: "web.cue", text: clause + "services: web: image: \"a/b:1\"\n"},
		{name: "teams/a/api.cue", text: clause + "services: api: image: \"a/c:1\"\n"},
	}}
	one := `{"services":{"web":{"image":"a/b:1"}}}`
	both := `{"services":{"api":{"image":"a/c:1"},"web":{"image":"a/b:1"}}}`
	if got := evaluateFolder(s, func(f file) string { return f.name }).String(); got != one {
		t.Errorf("CUE gives %s for the root, expected %s", got, one)
	}
	if got := evaluateKcc(s).String(); got != both {
		t.Errorf("kcc gives %s, expected %s", got, both)
	}
}
