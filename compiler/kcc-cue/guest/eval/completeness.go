package eval

import (
	"slices"
	"strconv"

	"cuelang.org/go/cue"

	"kcc.dev/evaluator/schema"
	"kcc.dev/evaluator/wire"
)

// checkCompleteness reports what is still incomplete after everything was filled
// in: values that are not concrete, missing required fields, and fields that
// exclude each other.
func (w *walker) checkCompleteness(node *wire.Node, shape *schema.Shape, path []string) {
	if w.silent[node] {
		return
	}
	if o, ok := w.incomplete[node]; ok {
		w.reportIncomplete(node, o, path)
		return
	}
	switch node.Kind {
	case wire.Struct:
		var structure *schema.Struct
		if shape != nil {
			structure = shape.Struct
		}
		if structure != nil {
			w.checkRequired(node, structure, path)
		}
		for _, field := range node.Fields {
			var inner *schema.Shape
			if structure != nil {
				inner = structure.At(field.Name)
			}
			w.checkCompleteness(field.Node, inner, child(path, field.Name))
		}
	case wire.List:
		for i, item := range node.Items {
			var elem *schema.Shape
			if shape != nil {
				elem = shape.Elem
			}
			w.checkCompleteness(item, elem, child(path, strconv.Itoa(i)))
		}
	case wire.Number:
		w.outOfRange(node, path)
	}
}

// checkRequired reports required fields that a struct lacks, and alternatives of
// which it has two.
func (w *walker) checkRequired(node *wire.Node, structure *schema.Struct, path []string) {
	present := func(name string) bool {
		inner := get(node, name)
		return inner != nil && (inner.Kind != wire.Absent || w.silent[inner])
	}
	lines := node.Origins
	if all, ok := w.allOrigins[node]; ok {
		lines = all
	}
	missing := func(name string, with ...string) {
		inner := get(node, name)
		if _, waiting := w.incomplete[inner]; inner != nil && waiting && !w.incomplete[inner].absent || w.isPartial(lines) || w.loose[node] {
			return
		}
		detail := wire.MissingField{Name: name, Expected: expected(structure.Fields[name].Shape), With: with}
		e := wire.Fault{Detail: detail, Path: child(path, name)}
		for _, o := range lines {
			if o.Role == wire.RoleValue {
				e = e.At(o.Span, o.Role)
			}
		}
		if len(e.Labels) == 0 {
			for _, o := range lines {
				e = e.At(o.Span, o.Role)
			}
		}
		w.report(e)
	}
	for _, name := range structure.Names {
		if structure.Fields[name].Required && !present(name) {
			missing(name)
		}
	}
	for _, group := range structure.Together {
		var some []string
		for _, name := range group {
			if present(name) {
				some = append(some, name)
			}
		}
		for _, name := range group {
			if len(some) > 0 && !present(name) {
				missing(name, some...)
			}
		}
	}
	w.checkAlternatives(node, structure, path, present)
}

// checkAlternatives reports two fields that exclude each other.
func (w *walker) checkAlternatives(node *wire.Node, structure *schema.Struct, path []string, present func(string) bool) {
	for _, groups := range structure.Alternatives {
		var chosen []string
		for _, group := range groups {
			for _, name := range group {
				if present(name) {
					chosen = append(chosen, name)
					break
				}
			}
		}
		if len(chosen) < 2 {
			continue
		}
		e := wire.Fault{Detail: wire.ExclusiveFields{Names: chosen}, Path: path}
		for _, name := range chosen {
			for _, o := range get(node, name).Origins {
				if o.Role == wire.RoleValue || o.Role == wire.RoleCUEDefault || o.Role == wire.RoleDefault {
					e = e.At(o.Span, o.Role)
				}
			}
		}
		w.report(e)
	}
}

// isPartial reports whether a conjunct of a node is in a file that could only be
// read in part, so that nothing can be reported as missing.
func (m *evaluation) isPartial(lines []wire.Origin) bool {
	for _, o := range lines {
		for _, files := range [][]int{m.prepared.Partial, m.prepared.Loose} {
			if slices.Contains(files, o.File) || slices.Contains(files, o.By) {
				return true
			}
		}
	}
	return false
}

// reportIncomplete reports a value that is not concrete.
func (r *reporter) reportIncomplete(node *wire.Node, o incomplete, path []string) {
	if o.absent {
		if o.required && !r.isPartial(node.Origins) {
			r.report(r.atLabels(wire.MissingField{Name: path[len(path)-1], Expected: expectedBy(o.conjuncts)}, path, o.conjuncts))
		}
		return
	}
	var defaults, others []conjunct
	for _, c := range o.conjuncts {
		if c.role == wire.RoleCUEDefault {
			defaults = append(defaults, c)
		} else {
			others = append(others, c)
		}
	}
	switch {
	case len(defaults) > 1 && o.value.IncompleteKind() != cue.BottomKind:
		r.report(r.error(wire.TwoDefaults{}, path, defaults))
	case len(defaults) == 1 && o.value.IncompleteKind() != cue.BottomKind:
		value, _ := defaults[0].value.Default()
		against := violated(value, others)
		ruledOut := wire.CUEDefaultRuledOut{Expected: expectedBy(against), Actual: actual(path, value)}
		r.report(r.error(ruledOut, path, append(defaults, against...)))
	case r.reportReferenceCycle(o.value, path, o.conjuncts):
	case o.value.IncompleteKind() == cue.BottomKind:
		r.reportUnevaluated(o, path)
	default:
		open := wire.NotConcrete{
			Name: path[len(path)-1], Expected: expectedBy(o.conjuncts), ByPattern: byPattern(o.conjuncts),
		}
		r.report(r.error(open, path, o.conjuncts))
	}
}

// reportUnevaluated reports an expression that cannot be evaluated because one of
// its references cannot.
func (r *reporter) reportUnevaluated(o incomplete, path []string) {
	found := false
	for _, c := range o.conjuncts {
		found = r.reportUnresolved(path, c.expr) || found
	}
	if found {
		return
	}
	failures := failuresOf(o.value)
	text := message(o.value)
	if len(failures) == 0 || isCycle(text) && o.value.Err() == nil {
		// What it refers to is reported where it is written.
		if !r.recordCycleBehind(path, o.conjuncts) {
			r.addConsequenceOf(r.error(wire.FailedExpression{}, path, o.conjuncts), path, o.value, o.conjuncts...)
		}
		return
	}
	if isCycle(text) {
		r.recordCycle(path, o.conjuncts, text)
		return
	}
	var determinants []determinant
	for _, c := range o.conjuncts {
		for _, part := range determinantsOf(c.expr) {
			if part.expr == c.expr {
				part.what = ""
			}
			determinants = append(determinants, part)
		}
	}
	format, _ := failures[0].Msg()
	if o, ok := r.sourceOf(failures[0], determinants); ok && isAbsent(format) && r.reportUnresolved(path, o.expr) {
		return
	}
	e := r.failure(path, failures[0], determinants)
	if isIncompleteError(failures[0]) {
		if open, ok := e.Detail.(wire.IncompleteExpression); ok {
			open.Reference = r.incompleteReference(path, o.conjuncts)
			e.Detail = open
		}
		r.addConsequenceOf(e, path, o.value, o.conjuncts...)
		return
	}
	r.report(e)
}

// violated returns the conjuncts that a default does not satisfy.
func violated(value cue.Value, others []conjunct) []conjunct {
	var out []conjunct
	for _, other := range others {
		if value.Unify(other.value).Err() != nil {
			out = append(out, other)
		}
	}
	if len(out) == 0 {
		return others
	}
	return out
}

// byPattern reports whether only patterns constrain the field.
func byPattern(lines []conjunct) bool {
	for _, c := range lines {
		if !c.site.inPattern() {
			return false
		}
	}
	return len(lines) > 0
}

// prune removes nodes with neither a value nor origins.
func (m *evaluation) prune(node *wire.Node) {
	kept := node.Fields[:0]
	for _, field := range node.Fields {
		m.prune(field.Node)
		if field.Node.Kind != wire.Absent || len(field.Node.Origins) > 0 {
			kept = append(kept, field)
		}
	}
	node.Fields = kept
	for _, item := range node.Items {
		m.prune(item)
	}
}
