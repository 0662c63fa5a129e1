package eval

import (
	"maps"
	"slices"
	"sort"

	"kcc.dev/evaluator/wire"
)

// reporter collects the errors of one pass. Whoever starts a pass chooses where
// its errors go: the second pass starts from those of the build, and a trial has
// a reporter of its own, whose errors are looked at, joined or dropped.
type reporter struct {
	*evaluation
	errors []wire.Fault
	// seen has the keys of the errors.
	seen map[string]bool
	// consequences are errors of expressions that refer to something which may be
	// reported itself.
	consequences []consequence
	// cycles are the values that depend on themselves, to be grouped at the end.
	cycles []cyclicValue
	// matched are the component names in policies and defaults that the target
	// has.
	matched []wire.Match
}

func newReporter(m *evaluation) *reporter {
	return &reporter{evaluation: m, seen: map[string]bool{}}
}

// clone returns a reporter with the errors so far.
func (r *reporter) clone() *reporter {
	copied := *r
	copied.errors, copied.seen = slices.Clone(r.errors), maps.Clone(r.seen)
	copied.consequences, copied.cycles = slices.Clone(r.consequences), slices.Clone(r.cycles)
	copied.matched = slices.Clone(r.matched)
	return &copied
}

// report adds an error, once for the same labels.
func (r *reporter) report(e wire.Fault) {
	e = r.original(r.located(e))
	if key := errorKey(e); !r.seen[key] {
		r.seen[key] = true
		r.errors = append(r.errors, e)
	}
}

func errorKey(e wire.Fault) string {
	key := append(wire.AppendDetail(nil, e.Detail), e.Distinct...)
	number := func(n int) {
		for i := 0; i < 4; i++ {
			key = append(key, byte(n>>(8*i)))
		}
	}
	for _, label := range e.Labels {
		number(label.File)
		number(label.Start)
		number(label.End)
	}
	if len(e.Labels) == 0 {
		for _, name := range e.Path {
			key = append(key, 0)
			key = append(key, name...)
		}
	}
	return string(key)
}

// response assembles the response.
func (r *reporter) response(tree *wire.Node) *wire.Response {
	r.reportCycles()
	all := append(r.prepared.Errors[:len(r.prepared.Errors):len(r.prepared.Errors)], r.errors...)
	all = append(all, r.unexplained(all)...)
	if !slices.ContainsFunc(all, func(e wire.Fault) bool { return !e.Warning }) {
		all = append(all, r.unaccounted()...)
	}
	for i := range all {
		// Those of the syntax passes have the names that these passes give.
		all[i] = r.original(r.located(all[i]))
	}
	sort.SliceStable(all, func(i, j int) bool { return before(all[i], all[j]) })
	removeUnreadable(tree)
	return &wire.Response{Tree: tree, Errors: all, Partial: r.prepared.Partial}
}
