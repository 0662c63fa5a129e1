package differential

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// update rewrites what the systems expect instead of comparing it.
var update = os.Getenv("KCC_UPDATE") != ""

// knownDefects are systems in which kcc is wrong today.
const knownDefects = "known-defects.txt"

// defects are the lines of the list; those that are right now are blank.
type defects []string

func readDefects(t *testing.T) defects {
	t.Helper()
	text, err := os.ReadFile(knownDefects)
	if err != nil {
		t.Fatal(err)
	}
	return strings.SplitAfter(string(text), "\n")
}

// index finds a system in the list.
func (d defects) index(s *system) int {
	return slices.IndexFunc(d, func(line string) bool { return strings.TrimSpace(line) == s.fullName() })
}

func TestSystems(t *testing.T) {
	documents, err := readAll()
	if err != nil {
		t.Fatal(err)
	}
	listed := readDefects(t)
	left := slices.DeleteFunc(slices.Clone(listed), func(line string) bool {
		return line == "" || strings.HasPrefix(line, "#")
	})
	for _, d := range documents {
		for _, s := range d.systems {
			at := listed.index(s)
			t.Run(s.fullName(), func(t *testing.T) {
				if right := compareSystem(t, s, at >= 0); right && at >= 0 && update {
					listed[at] = ""
				}
			})
			left = slices.DeleteFunc(left, func(line string) bool { return strings.TrimSpace(line) == s.fullName() })
		}
		if update {
			if err := d.rewrite(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range left {
		t.Errorf("%s names %q, which is no system", knownDefects, strings.TrimSpace(name))
	}
	if update {
		if err := os.WriteFile(knownDefects, []byte(strings.Join(listed, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// compareSystem reports what is wrong with a system, and says whether nothing is.
func compareSystem(t *testing.T, s *system, defect bool) bool {
	plain := evaluatePlain(s)
	kcc := evaluateKcc(s)
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
	case defect && problem == "" && !update:
		t.Errorf("it is right now; remove it from %s", knownDefects)
	case !defect && problem != "":
		t.Errorf("%s\nCUE: %s\n%s\nkcc: %s\n%s", problem,
			plain, strings.Join(plain.said, ""), kcc, strings.Join(kcc.said, "\n"))
	}
	return problem == ""
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
