package differential

import (
	"slices"
	"strings"
	"testing"
)

// rewrittenAs separates a system from a rewriting in the list of known defects.
const rewrittenAs = " | "

// TestRewritings rewrites every system in equivalent ways. kcc has to produce the
// same values, or reject it with the same codes.
func TestRewritings(t *testing.T) {
	documents, err := readAll()
	if err != nil {
		t.Fatal(err)
	}
	listed := readDefects(t)
	agreed := map[string]int{}
	for _, d := range documents {
		for _, s := range d.systems {
			if !listed.has(s.fullName()) {
				t.Run(s.fullName(), func(t *testing.T) { tryRewritings(t, s, listed, agreed) })
			}
		}
	}
	examples, err := readExamples()
	if err != nil || len(examples) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, s := range examples {
		t.Run(s.fullName(), func(t *testing.T) {
			if kcc := evaluateKcc(s); kcc.refused() {
				t.Fatalf("the example is refused: %s", strings.Join(kcc.messages, "\n"))
			}
			tryRewritings(t, s, listed, agreed)
		})
	}
	for _, r := range rewritings {
		if agreed[r.name] == 0 {
			t.Errorf("%s: no system is rewritten", r.name)
		}
		t.Logf("%s: %d systems", r.name, agreed[r.name])
	}
	if update {
		listed.write(t)
	}
}

// otherCodes are systems whose error depends on how they are written: a value
// that refers to itself through an operator is incomplete rather than a cycle, a
// struct that may get more fields has too few only for now, and a definition
// rejects a field that only has to exist.
var otherCodes = []string{
	"cycles/a service built from another that is built from it",
	"patterns/an optional struct with a required field that is missing",
	"stdlib/struct: too few fields",
	"stdlib/struct: too few labels",
}

// tryRewritings counts in agreed how often kcc's result stayed the same.
func tryRewritings(t *testing.T, s *system, listed *defects, agreed map[string]int) {
	kcc := evaluateKcc(s)
	for _, r := range rewritings {
		if !r.fits(s) {
			continue
		}
		rewritten := r.rewrite(s)
		if rewritten == nil {
			continue
		}
		here := s.fullName() + rewrittenAs + r.name
		again := evaluateKcc(rewritten)
		switch {
		case same(again, kcc), again.crash == "" && again.refused() && slices.Contains(otherCodes, s.fullName()),
			!same(evaluatePlain(rewritten), evaluatePlain(s)):
			if same(again, kcc) {
				agreed[r.name]++
			}
			if listed.has(here) {
				listed.fixed(t, here)
			}
		case listed.has(here):
		default:
			t.Errorf("%s\nkcc gives\n\t%s %v %s\nbefore\n\t%s %v\n%s", here,
				again, again.codes, again.crash, kcc, kcc.codes, show(rewritten))
		}
	}
}

// show formats the files of a system for a failing test.
func show(s *system) string {
	var text strings.Builder
	for _, f := range s.all() {
		if f.name != "kcc.cue" {
			text.WriteString("-- " + f.name + " --\n" + f.text)
		}
	}
	return text.String()
}
