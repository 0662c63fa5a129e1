package syntax

import (
	"slices"

	"kcc.dev/evaluator/schema"
)

// excludes reports whether the overlay chose an alternative to a field of the
// struct at path.
func (d *override) excludes(path []string, name string) bool {
	shape := schema.Shipped().Root.Below(path...)
	if shape == nil || shape.Struct == nil {
		return false
	}
	for _, groups := range slices.Concat(shape.Struct.Alternatives, shape.Struct.Overrides) {
		own := slices.IndexFunc(groups, func(group []string) bool { return slices.Contains(group, name) })
		if own < 0 {
			continue
		}
		for i, group := range groups {
			if i != own && slices.ContainsFunc(group, func(other string) bool { return d.fields[other].given() }) {
				return true
			}
		}
	}
	return false
}

// joinSpellings makes the short and the long spelling of a field replace each
// other.
func (d *override) joinSpellings(path []string) {
	for name, inner := range d.fields {
		inner.joinSpellings(child(path, name))
	}
	shape := schema.Shipped().Root.Below(path...)
	if len(path) < 2 || shape == nil || shape.Struct == nil {
		return
	}
	for _, spelling := range shape.Struct.Spellings() {
		given := func(long []string) bool { return d.at(long...).given() }
		switch {
		case d.at(spelling.Short...).given():
			for _, long := range spelling.Long {
				d.make(long...).value = true
			}
		case !slices.ContainsFunc(spelling.Long, func(long []string) bool { return !given(long) }):
			d.make(spelling.Short...).value = true
		}
	}
}

// make returns what the overlay writes below, which it adds.
func (d *override) make(names ...string) *override {
	for _, name := range names {
		d = d.field(name)
	}
	return d
}

// at returns what the overlay writes below, or nil.
func (d *override) at(names ...string) *override {
	for _, name := range names {
		if d == nil {
			return nil
		}
		d = d.fields[name]
	}
	return d
}

// halved returns which half of the base's short field an overlay replaces by
// writing only one of the two long spellings, and which half is left.
func (d *override) halved(path []string, name string) (taken, left string, ok bool) {
	shape := schema.Shipped().Root.Below(path...)
	if shape == nil || shape.Struct == nil || d.fields[name].given() {
		return "", "", false
	}
	field := shape.Struct.Fields[name]
	if field == nil || len(field.Short) != 2 {
		return "", "", false
	}
	first, second := field.Short[0], field.Short[1]
	if d.at(first...).given() {
		return first[0], second[0], true
	}
	return second[0], first[0], d.at(second...).given()
}
