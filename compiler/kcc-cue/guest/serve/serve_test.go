package serve

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestEveryRequestGetsAnAnswer checks that any input gets an answer of this
// protocol.
func TestEveryRequestGetsAnAnswer(t *testing.T) {
	for request, want := range map[string]string{
		``:                              "protocol",
		`{"version":9,"op":"model"}`:    "protocol",
		`{"version":1,"op":"nonsense"}`: "protocol",
		`{"version":1,"op":"schema"}`:   "",
		`{"version":1,"op":"system"}`:   "",
		`{"version":1,"op":"format","files":[{"name":"a.cue","text":"a: ["}]}`:                         "syntax",
		`{"version":1,"op":"model","target":"dev"}`:                                                    "",
		`{"version":1,"op":"model","target":"dev","files":[{"name":"kcc.cue","text":"\u0000\uffff"}]}`: "syntax",
		`{"version":1,"op":"model","target":"dev","files":[{"name":"kcc.cue","text":""}]}`:             "package-clause",
		`{"version":1,"op":"system","files":[{"name":"kcc.cue","text":"package x\nsystem: name: 1"}]}`: "wrong-type",
	} {
		var answer struct {
			Version int
			Schema  []any
			Errors  []struct{ Code string }
		}
		text := Run([]byte(request))
		if err := json.Unmarshal(text, &answer); err != nil || answer.Version != 1 {
			t.Errorf("%s: %s", request, text)
			continue
		}
		var codes []string
		for _, e := range answer.Errors {
			codes = append(codes, e.Code)
		}
		if got := strings.Join(codes, " "); got != want {
			t.Errorf("%s: %s, want %s", request, got, want)
		}
		if strings.Contains(request, "schema") && len(answer.Schema) == 0 {
			t.Error("the schema has no files")
		}
	}
}
