package differential

import (
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// TestMain lets the collector wait: what evaluations leave in CUE's context is
// never freed, so that collecting often costs half of the time.
func TestMain(m *testing.M) {
	debug.SetGCPercent(200)
	os.Exit(m.Run())
}

// update rewrites what the systems expect instead of comparing it.
var update = os.Getenv("KCC_UPDATE") != ""

// knownDefects are systems in which kcc is wrong today.
const knownDefects = "known-defects.txt"

// defects are the lines of the list.
type defects struct{ lines []string }

func readDefects(t *testing.T) *defects {
	t.Helper()
	text, err := os.ReadFile(knownDefects)
	if err != nil {
		t.Fatal(err)
	}
	return &defects{strings.Split(strings.TrimSpace(string(text)), "\n")}
}

// has says whether something is listed.
func (d *defects) has(name string) bool {
	return slices.Contains(d.lines, name)
}

// right takes out what is right now, or reports that it has to be.
func (d *defects) right(t *testing.T, name string) {
	if !update {
		t.Errorf("it is right now; remove %q from %s", name, knownDefects)
		return
	}
	d.lines = slices.DeleteFunc(d.lines, func(line string) bool { return line == name })
}

func (d *defects) write(t *testing.T) {
	if err := os.WriteFile(knownDefects, []byte(strings.Join(d.lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestSystems(t *testing.T) {
	documents, err := readAll()
	if err != nil {
		t.Fatal(err)
	}
	listed := readDefects(t)
	names := map[string]bool{}
	for _, d := range documents {
		for _, s := range d.systems {
			if names[s.fullName()] {
				t.Errorf("two systems are called %q", s.fullName())
			}
			names[s.fullName()] = true
			t.Run(s.fullName(), func(t *testing.T) { compareSystem(t, s, listed) })
		}
		if update {
			if err := d.rewrite(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, line := range listed.lines {
		if !names[line] && !strings.HasPrefix(line, "#") && !strings.Contains(line, rewrittenAs) {
			t.Errorf("%s names %q, which is no system", knownDefects, line)
		}
	}
	if update {
		listed.write(t)
	}
}

func compareSystem(t *testing.T, s *system, listed *defects) {
	plain := evaluatePlain(s)
	kcc := evaluateKcc(s)
	defect := listed.has(s.fullName())
	if update {
		s.want = plain.String()
		if s.differs != "" && !defect {
			s.kcc = kcc.String()
		}
	}
	if got := plain.String(); got != s.want {
		t.Errorf("CUE gives\n\t%s\nexpected\n\t%s\n%s", got, s.want, strings.Join(plain.said, ""))
	}
	problem := judge(s, plain, kcc)
	switch {
	case defect && problem == "":
		listed.right(t, s.fullName())
	case !defect && problem != "":
		t.Errorf("%s\nCUE: %s\n%s\nkcc: %s\n%s", problem,
			plain, strings.Join(plain.said, ""), kcc, strings.Join(kcc.said, "\n"))
	}
}

// judge gives what is wrong with what kcc makes of a system, or nothing.
func judge(s *system, plain, kcc verdict) string {
	difference := compare(plain, kcc)
	if s.differs == "" {
		return difference
	}
	if kcc.String() != s.kcc {
		return "expected of kcc: " + s.kcc
	}
	if difference == "" {
		return "it agrees with CUE; remove the mark " + s.differs
	}
	return ""
}
