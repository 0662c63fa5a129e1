package eval_test

import (
	"encoding/json"
	"strings"
	"testing"

	"kcc.dev/evaluator/serve"
	"kcc.dev/evaluator/wire"
)

// TestDeepInput checks that input nested deeper than anybody writes causes an
// error, never a crash.
func TestDeepInput(t *testing.T) {
	const depth = 20_000
	repeat := strings.Repeat
	deep, cycle := "nested more than 5000 levels deep", "structure"
	cases := map[string]struct{ text, want string }{
		"structs":     {"_a: " + repeat("{a: ", depth) + "1" + repeat("}", depth), deep},
		"short":       {"_a: " + repeat("a: ", depth) + "1", deep},
		"lists":       {"_a: " + repeat("[", depth) + repeat("]", depth), deep},
		"brackets":    {"_a: " + repeat("(", depth) + "1" + repeat(")", depth), deep},
		"sums":        {"_a: 1" + repeat("+1", depth), deep},
		"both":        {"_a: int" + repeat(" & int", depth), deep},
		"minus":       {"_a: " + repeat("-", depth) + "1", deep},
		"selectors":   {"_b: _, _a: _b" + repeat(".a", depth), deep},
		"text":        {`_a: ` + repeat(`"\(`, depth) + "1" + repeat(`)"`, depth), deep},
		"open":        {"_a: " + repeat("{a: ", depth), deep},
		"in services": {"services: web: labels: " + repeat("{a: ", depth) + "1" + repeat("}", depth), deep},
		"in policies": {"policies: p: {message: \"m\", require: " + repeat("{a: ", depth) + "1" + repeat("}", depth) + "}", deep},
		"in a target": {"on: dev: " + repeat("{a: ", depth) + "1" + repeat("}", depth), deep},
		"recursive":   {"_a: {a: _a}\nservices: web: labels: _a", cycle},
		"mutual":      {"#A: {b: #B}\n#B: {a: #A}\nservices: web: labels: #A", cycle},
		"growing":     {"_a: {n: int, next: {_a, n: _a.n + 1}}, services: web: labels: {_a, n: 1}", cycle},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			text := "package x\n\nsystem: name: \"x\"\n" + c.text + "\nservices: web: image: \"a\"\n"
			request, err := json.Marshal(map[string]any{
				"version": 1, "op": wire.OpModel, "target": "dev", "targets": allTargets,
				"files": []map[string]string{{"name": "kcc.cue", "text": text}},
			})
			if err != nil {
				t.Fatal(err)
			}
			var response struct {
				Errors []struct {
					Code string
					Args map[string]any
				}
			}
			if err := json.Unmarshal(serve.Run(request), &response); err != nil {
				t.Fatalf("the answer is not JSON: %v", err)
			}
			found := false
			for _, e := range response.Errors {
				found = found || e.Args["message"] == c.want || e.Args["kind"] == c.want
			}
			if !found {
				t.Errorf("no error has %q: %v", c.want, response.Errors)
			}
		})
	}
}
