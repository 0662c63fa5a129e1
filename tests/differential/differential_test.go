package differential

import (
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// TestMain delays garbage collection: CUE's context never frees what evaluations
// leave in it, so frequent collection would take half of the time.
func TestMain(m *testing.M) {
	debug.SetGCPercent(200)
	os.Exit(m.Run())
}

// update rewrites the expectations instead of comparing them.
var update = os.Getenv("KCC_UPDATE") != ""

// knownDefects lists systems that kcc evaluates wrongly.
const knownDefects = "known-defects.txt"

// defects has the lines of the list.
type defects struct{ lines []string }

func readDefects(t *testing.T) *defects {
	t.Helper()
	text, err := os.ReadFile(knownDefects)
	if err != nil {
		t.Fatal(err)
	}
	return &defects{strings.Split(strings.TrimSpace(string(text)), "\n")}
}

// has reports whether a name is listed.
func (d *defects) has(name string) bool {
	return slices.Contains(d.lines, name)
}

// fixed removes a name that passes from the list, or reports that it should be
// removed.
func (d *defects) fixed(t *testing.T, name string) {
	if !update {
		t.Errorf("it passes; remove %q from %s", name, knownDefects)
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
			t.Errorf("%s names %q, which is not a system", knownDefects, line)
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
		t.Errorf("CUE gives\n\t%s\nexpected\n\t%s\n%s", got, s.want, strings.Join(plain.messages, ""))
	}
	problem := judge(s, plain, kcc)
	switch {
	case defect && problem == "":
		listed.fixed(t, s.fullName())
	case !defect && problem != "":
		t.Errorf("%s\nCUE: %s\n%s\nkcc: %s\n%s", problem,
			plain, strings.Join(plain.messages, ""), kcc, strings.Join(kcc.messages, "\n"))
	}
}

// judge returns what is wrong with kcc's result, or an empty string.
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
