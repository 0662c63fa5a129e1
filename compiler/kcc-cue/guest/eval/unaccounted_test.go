package eval_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"kcc.dev/evaluator/wire"
)

// writing generates random systems in which each field has a text of its own, and
// records which of them the model must have.
type writing struct {
	random *rand.Rand
	root   strings.Builder
	// present and absent are texts that the model must and must not have.
	present, absent []string
	names           int
}

func (w *writing) name(start string) string {
	w.names++
	return start + strconv.Itoa(w.names)
}

// text returns a new text, which the model must have if there is set.
func (w *writing) text(there bool) string {
	text := w.name("t")
	if there {
		w.present = append(w.present, text)
	} else {
		w.absent = append(w.absent, text)
	}
	return strconv.Quote(text)
}

// decl writes a line at the root.
func (w *writing) decl(format string, args ...any) {
	fmt.Fprintf(&w.root, format+"\n", args...)
}

// label writes a name in one of the forms that CUE allows for a label.
func (w *writing) label(name string) string {
	switch w.random.IntN(4) {
	case 0:
		return strconv.Quote(name)
	case 1:
		hidden := w.name("_l")
		w.decl("%s: %q", hidden, name)
		return `"\(` + hidden + `)"`
	case 2:
		hidden := w.name("_l")
		w.decl("%s: %q", hidden, name)
		return "(" + hidden + ")"
	default:
		return name
	}
}

// wrapped writes declarations of a struct in one of the ways in which they can be
// included or excluded.
func (w *writing) wrapped(depth int, there bool, body func(there bool) string) string {
	if depth > 2 {
		return body(there)
	}
	inner := func(there bool) string { return w.wrapped(depth+1, there, body) }
	switch w.random.IntN(13) {
	case 0:
		hidden := w.name("_h")
		text := inner(there)
		w.decl("%s: {%s}", hidden, text)
		return hidden
	case 1:
		return "if true {" + inner(there) + "}"
	case 2:
		return "if false {" + inner(false) + "}"
	case 3:
		return `if target == "dev" {` + inner(there) + "}"
	case 4:
		return "for _ in [1] {" + inner(there) + "}"
	case 5:
		return "for _ in [] {" + inner(false) + "}"
	case 6:
		hidden, key := w.name("_m"), w.name("k")
		text := inner(there)
		w.decl("%s: %s: {%s}", hidden, key, text)
		if w.random.IntN(2) == 0 {
			return hidden + "." + key
		}
		return hidden + `["` + key + `"]`
	case 7:
		hidden := w.name("_f")
		text := inner(there)
		w.decl("%s: {#on: bool, out: {if #on {%s}}}", hidden, text)
		return "(" + hidden + " & {#on: true}).out"
	case 8:
		return "{" + inner(there) + "} & {" + inner(there) + "}"
	case 9:
		let := w.name("local")
		text := inner(there)
		w.decl("let %s = {%s}", let, text)
		return let
	case 10:
		unused := w.name("_unused")
		text := inner(false)
		w.decl("%s: {%s}", unused, text)
		return inner(there)
	default:
		return inner(there)
	}
}

// service returns one service.
func (w *writing) service(name string, there bool) string {
	label := w.label(name)
	body := []string{"image: " + w.text(there)}
	for range w.random.IntN(4) {
		body = append(body, w.wrapped(0, there, func(there bool) string {
			field := []string{"env", "labels", "annotations"}[w.random.IntN(3)]
			return field + ": " + w.label(w.name("A")) + ": " + w.text(there)
		}))
	}
	return label + ": {" + strings.Join(body, ", ") + "}"
}

// TestNoFieldIsLost generates random systems with every form of label, embedding,
// condition and template, and checks that the model has exactly the fields it
// must have and that none is unaccounted for.
func TestNoFieldIsLost(t *testing.T) {
	rounds := 300
	if given, err := strconv.Atoi(os.Getenv("KCC_ROUNDS")); err == nil {
		rounds = given
	}
	for round := range rounds {
		w := &writing{random: rand.New(rand.NewPCG(uint64(round), 9))}
		for range 1 + w.random.IntN(3) {
			kind := []string{"services", "jobs"}[w.random.IntN(2)]
			text := w.wrapped(0, true, func(there bool) string {
				return w.label(kind) + ": {" + w.wrapped(0, there, func(there bool) string {
					return w.service(w.name("s"), there)
				}) + "}"
			})
			if w.random.IntN(6) == 0 {
				text = "on: dev: {" + text + "}"
			}
			w.decl("%s", text)
		}
		text := "package x\n\n" + w.root.String()
		req := &wire.Request{Version: wire.Version, Op: wire.OpModel, Target: "dev", Targets: allTargets, Files: []wire.File{
			{Name: "kcc.cue", Text: "package x\n\nsystem: name: \"x\"\n"}, {Name: "a/a.cue", Text: text, Team: "a"},
		}}
		resp := answer(req)
		if len(resp.Errors) > 0 {
			t.Errorf("round %d: %s\n%s", round, describe(req, resp), text)
			continue
		}
		tree := show(t, req, resp, ".", false)
		for _, value := range w.present {
			if !strings.Contains(tree, strconv.Quote(value)) {
				t.Errorf("round %d: %q is not in the model\n%s\n%s", round, value, text, tree)
			}
		}
		for _, value := range w.absent {
			if strings.Contains(tree, strconv.Quote(value)) {
				t.Errorf("round %d: %q is in the model\n%s\n%s", round, value, text, tree)
			}
		}
	}
}
