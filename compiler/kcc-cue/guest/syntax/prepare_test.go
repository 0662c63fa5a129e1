package syntax

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/cuecontext"

	"kcc.dev/evaluator/wire"
)

var allTargets = []string{"dev", "prod"}

// request parses fragments written one after the other, each below a line `--
// NAME --` or `-- NAME TEAM --`.
func request(target, text string) *wire.Request {
	req := &wire.Request{Version: wire.Version, Op: wire.OpModel, Target: target, Targets: allTargets}
	for line := range strings.Lines(text) {
		if head, ok := strings.CutPrefix(line, "-- "); ok {
			words := strings.Fields(head)
			file := wire.File{Name: words[0]}
			if len(words) == 3 {
				file.Team = words[1]
			}
			req.Files = append(req.Files, file)
			continue
		}
		req.Files[len(req.Files)-1].Text += line
	}
	return req
}

// prepared prepares the fragments and compares each position in the result with
// the text.
func prepared(t *testing.T, target, text string) (*Prepared, *wire.Request) {
	t.Helper()
	req := request(target, text)
	p := Prepare(req)
	checkPositions(t, p, req)
	return p, req
}

// checkPositions compares the text of each name and literal in the result with
// the fragment at its span.
func checkPositions(t *testing.T, p *Prepared, req *wire.Request) {
	t.Helper()
	for _, file := range p.Files {
		ast.Walk(file.AST, func(node ast.Node) bool {
			want := ""
			switch x := node.(type) {
			case *ast.Ident:
				want = p.Original(x.Name)
			case *ast.BasicLit:
				want = x.Value
			default:
				return true
			}
			span, ok := p.Span(node)
			if !ok {
				return true
			}
			if span.File != file.Index {
				t.Errorf("%s has a span in file %d, not %d", want, span.File, file.Index)
			}
			got := req.Files[span.File].Text[span.Start:span.End]
			_, moved := p.lengths[node]
			if got != want && `"`+got+`"` != want && !(moved && (want == "_" || want == "number")) &&
				!strings.HasPrefix(want, "_defaults$") && !strings.HasPrefix(want, "_policies$") {
				t.Errorf("the span of %s contains %q", want, got)
			}
			return true
		}, nil)
	}
}

// describe renders errors one per line: code, labelled text, arguments.
func describe(errs []wire.Fault, req *wire.Request) string {
	var lines strings.Builder
	for _, e := range errs {
		lines.WriteString(e.Code())
		for _, label := range e.Labels {
			file := req.Files[label.File]
			line := 1 + strings.Count(file.Text[:label.Start], "\n")
			fmt.Fprintf(&lines, " %s:%d %q", file.Name, line, file.Text[label.Start:label.End])
		}
		for _, argument := range e.Arguments() {
			if argument.Name != "candidates" {
				fmt.Fprintf(&lines, " %s=%s", argument.Name, argument)
			}
		}
		lines.WriteString("\n")
	}
	return lines.String()
}

func exported(t *testing.T, value cue.Value, path string) string {
	t.Helper()
	text, err := value.LookupPath(cue.ParsePath(path)).MarshalJSON()
	if err != nil {
		return "error: " + err.Error()
	}
	var sorted any
	if err := json.Unmarshal(text, &sorted); err != nil {
		t.Fatal(err)
	}
	text, _ = json.Marshal(sorted)
	return string(text)
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("%s:\n%s\nwant:\n%s", what, got, want)
	}
}

func TestBrokenFilesKeepTheirOtherDeclarations(t *testing.T) {
	for _, c := range []struct{ text, want, kept string }{
		{
			"package x\n\na: {\n\tb 1\n}\nservices: web: image: \"x\"\n",
			`syntax kcc.cue:4 "1" message=expected label or ':', found 'INT' 1`, `{"web":{"image":"x"}}`,
		},
		{
			"package x\n\nservices: web: image: \"x\"\nservices: api: {\n\timage: \"y\"\n",
			"syntax kcc.cue:4 \"{\" message=`{` is never closed", `{"web":{"image":"x"}}`,
		},
		{
			"package x\n\nservices: web: image: \"x\"\nservices: api: image: \"y\nservices: late: image: \"z\"\n",
			`syntax kcc.cue:4 "\"y" message=string literal not terminated`, `{"late":{"image":"z"},"web":{"image":"x"}}`,
		},
		{
			"package x\n\nservices: web: image: \"x\"\n}\nservices: late: image: \"z\"\n",
			"syntax kcc.cue:4 \"}\" message=`}` closes nothing", `{"late":{"image":"z"},"web":{"image":"x"}}`,
		},
	} {
		p, req := prepared(t, "dev", "-- kcc.cue --\n"+c.text)
		expect(t, "errors", describe(p.Errors, req), c.want)
		value, refused := p.Build(cuecontext.New())
		expect(t, "refused", describe(refused, req), "")
		expect(t, "services", exported(t, value, "services"), c.kept)
		if len(p.Partial) != 1 {
			t.Errorf("the file counts as whole: %s", c.text)
		}
	}
}

func TestShopBuildsForEachTarget(t *testing.T) {
	root := "../../../../examples/shop"
	teams := map[string]string{"teams/storefront": "storefront", "teams/payments": "payments", "teams/platform": "platform"}
	req := &wire.Request{Version: wire.Version, Op: wire.OpModel, Targets: []string{"dev", "test", "stage", "prod"}}
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".cue" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		req.Files = append(req.Files, wire.File{Name: name, Text: string(text), Team: teams[filepath.Dir(name)]})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range req.Targets {
		req.Target = target
		p := Prepare(req)
		checkPositions(t, p, req)
		expect(t, "errors in "+target, describe(p.Errors, req), "")
		want := map[string]string{"dev": "null", "test": "null", "stage": "null", "prod": "2"}[target]
		value, errs := p.Build(cuecontext.New())
		expect(t, "refused in "+target, describe(errs, req), "")
		got := "null"
		if v := value.LookupPath(cue.ParsePath("services.web.replicas")); v.Exists() {
			got = exported(t, value, "services.web.replicas")
		}
		expect(t, "replicas in "+target, got, want)
		policies := map[string]int{"prod": 2}[target]
		if policies == 0 {
			policies = 1
		}
		if len(p.Policies) != policies {
			t.Errorf("%d policies apply to %s, want %d", len(p.Policies), target, policies)
		}
		for _, policy := range p.Policies {
			if !value.LookupPath(policy.Path).Exists() {
				t.Errorf("policy %s is not in the build", policy.Name)
			}
		}
	}
}
