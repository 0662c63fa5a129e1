package differential

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// verdict is one side's result for a system.
type verdict struct {
	// values are set if it is accepted.
	values map[string]any
	// errors has the lines of each error, such as `web.cue:3`.
	errors [][]string
	// codes are the codes of the errors, each once; for CUE the formats of its
	// messages.
	codes []string
	// messages are the texts of the errors, for a failing test.
	messages []string
	// crash is the panic that ended the evaluation.
	crash string
}

func (v verdict) refused() bool {
	return v.values == nil
}

// lines returns all lines of the errors.
func (v verdict) lines() []string {
	var lines []string
	for _, e := range v.errors {
		lines = append(lines, e...)
	}
	slices.SortFunc(lines, compareLines)
	return slices.Compact(lines)
}

// compareLines orders lines by file and number.
func compareLines(a, b string) int {
	nameA, lineA, _ := strings.Cut(a, ":")
	nameB, lineB, _ := strings.Cut(b, ":")
	if nameA != nameB {
		return strings.Compare(nameA, nameB)
	}
	if len(lineA) != len(lineB) {
		return len(lineA) - len(lineB)
	}
	return strings.Compare(lineA, lineB)
}

// String formats the verdict as the files of systems do.
func (v verdict) String() string {
	if v.refused() {
		return strings.Join(append([]string{"refused"}, v.lines()...), " ")
	}
	return encode(v.values)
}

func encode(value any) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprint(err)
	}
	return strings.TrimSpace(out.String())
}

// same reports whether two verdicts of one side are equal.
func same(a, b verdict) bool {
	return a.crash == b.crash && encode(a.values) == encode(b.values) && slices.Equal(a.codes, b.codes)
}

// compare returns the difference between the sides, or an empty string.
func compare(plain, kcc verdict) string {
	switch {
	case kcc.crash != "":
		return "kcc crashes: " + kcc.crash
	case plain.refused() != kcc.refused():
		return "one side rejects it"
	case !plain.refused():
		if encode(plain.values) != encode(kcc.values) {
			return "the values differ"
		}
	default:
		lines := kcc.lines()
		for _, e := range plain.errors {
			if len(e) > 0 && !slices.ContainsFunc(e, func(line string) bool { return slices.Contains(lines, line) }) {
				return "an error is at another line"
			}
		}
		for _, e := range kcc.errors {
			if len(e) == 0 {
				return "an error has no line"
			}
		}
	}
	return ""
}
