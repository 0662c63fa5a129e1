package eval_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kcc.dev/evaluator/serve"
	"kcc.dev/evaluator/wire"
)

// pieces are what a mutation inserts into a text.
var pieces = []string{
	"{", "}", "[", "]", "(", ")", ":", ",", "\"", "\n", "_", "#", "&", "|", "*", "?", "!", "\\(", "...", "let x = 1\n",
	"_|_", "target", "services", "on: dev: ", "if true {", "for k, v in services {", "import \"strings\"\n", "@if(x)",
	"X=", "[string]: ", "5", "null", ">=1", "=~\"(\"", "close({})", "services.web", "\x00", "é", "div(1,0)",
}

// mutated changes a text in a few positions.
func mutated(random *rand.Rand, text string) string {
	bytes := []byte(text)
	for range 1 + random.IntN(3) {
		at := random.IntN(len(bytes) + 1)
		switch random.IntN(3) {
		case 0:
			bytes = slices.Insert(bytes, at, []byte(pieces[random.IntN(len(pieces))])...)
		case 1:
			end := min(len(bytes), at+random.IntN(12))
			bytes = slices.Delete(bytes, at, end)
		default:
			end := min(len(bytes), at+random.IntN(30))
			bytes = slices.Insert(bytes, random.IntN(at+1), slices.Clone(bytes[at:end])...)
		}
	}
	// Files that are not UTF-8 never reach the evaluator.
	return strings.ToValidUTF8(string(bytes), "?")
}

// TestMutatedFragments mutates valid fragments. Each has to get an answer with
// valid spans, and never an internal error.
func TestMutatedFragments(t *testing.T) {
	rounds := 400
	if given, err := strconv.Atoi(os.Getenv("KCC_ROUNDS")); err == nil {
		rounds = given
	}
	requests := []*wire.Request{shop(t, "prod"), shop(t, "dev")}
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		_, sections := readCase(string(text))
		requests = append(requests, request("dev", sections))
	}
	random := rand.New(rand.NewPCG(7, 11))
	for range rounds {
		req := *requests[random.IntN(len(requests))]
		req.Files = slices.Clone(req.Files)
		at := random.IntN(len(req.Files))
		req.Files[at].Text = mutated(random, req.Files[at].Text)
		text, err := json.Marshal(map[string]any{
			"version": wire.Version, "op": req.Op, "target": req.Target, "targets": req.Targets, "files": lower(req.Files),
			"packages": req.Packages, "missing": req.Missing,
		})
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Errors []struct {
				Code   string
				Args   map[string]any
				Labels []struct{ File, Start, End int }
			}
		}
		if err := json.Unmarshal(serve.Run(text), &answer); err != nil {
			t.Fatalf("not JSON: %v\n%s", err, req.Files[at].Text)
		}
		for _, e := range answer.Errors {
			if e.Code == "internal" {
				t.Errorf("internal: %s\n-- %s --\n%s", e.Args["message"], req.Files[at].Name, req.Files[at].Text)
			}
			for _, label := range e.Labels {
				if label.File < len(req.Files) && (label.Start > label.End || label.End > len(req.Files[label.File].Text)) {
					t.Errorf("%s has span %v\n%s", e.Code, label, req.Files[at].Text)
				}
			}
		}
	}
}

// lower returns files as a request encodes them.
func lower(files []wire.File) []map[string]string {
	var out []map[string]string
	for _, file := range files {
		out = append(out, map[string]string{"name": file.Name, "text": file.Text, "team": file.Team})
	}
	return out
}
