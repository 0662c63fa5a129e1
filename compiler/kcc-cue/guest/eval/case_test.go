package eval_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kcc.dev/evaluator/eval"
	"kcc.dev/evaluator/syntax"
	"kcc.dev/evaluator/wire"
)

// update rewrites the expectations of the cases instead of comparing them.
var update = os.Getenv("KCC_UPDATE") != ""

// section is a part of a case below a line `-- HEAD --`.
type section struct {
	head, text string
}

// readCase splits a case, which is in the format of all case files of the project
// (tests/ui/README.md), into sections: fragments (`-- NAME --` or `-- NAME TEAM
// --`), files of packages (`-- NAME [TEAM] @PATH… --`) and imports that resolve
// to nothing (`-- missing PATH REASON CANDIDATES… --`), then expectations, for
// one target or for the default `dev`: `-- errors [TARGET] --`, `-- tree PATH
// [TARGET] --` for values, `-- lines PATH [TARGET] --` for values with their
// origins, `-- declarations [TARGET] --` for the owners of components, `--
// policies [TARGET] --` for the policies that apply and what they require, and
// `-- explained PATH [TARGET] --` for the annotations of a path.
func readCase(text string) (comment string, sections []section) {
	for line := range strings.Lines(text) {
		if head, ok := marker(line); ok {
			sections = append(sections, section{head: head})
		} else if len(sections) == 0 {
			comment += line
		} else {
			sections[len(sections)-1].text += line
		}
	}
	return comment, sections
}

// marker returns the head of a section from its first line.
func marker(line string) (head string, ok bool) {
	head, begins := strings.CutPrefix(strings.TrimRight(line, " \t\r\n"), "-- ")
	head, ends := strings.CutSuffix(head, " --")
	return strings.TrimSpace(head), begins && ends
}

var allTargets = []string{"dev", "prod"}

func request(target string, sections []section) *wire.Request {
	req := &wire.Request{Version: wire.Version, Op: wire.OpModel, Target: target, Targets: allTargets, Explain: true}
	for _, s := range sections {
		words := strings.Fields(s.head)
		if words[0] == "missing" {
			req.Missing = append(req.Missing, wire.Missing{
				Path: words[1], Reason: wire.Absence(words[2]), Candidates: words[3:], Name: "lib",
			})
		}
		if !strings.HasSuffix(words[0], ".cue") {
			continue
		}
		file := wire.File{Name: words[0], Text: s.text}
		for _, word := range words[1:] {
			if path, ok := strings.CutPrefix(word, "@"); ok {
				join(req, path, len(req.Files))
			} else {
				file.Team = word
			}
		}
		req.Files = append(req.Files, file)
	}
	return req
}

// join adds a file to a package. A path `a=b` adds `a` as a second path of `b`.
func join(req *wire.Request, path string, file int) {
	other, path, two := strings.Cut(path, "=")
	if !two {
		path = other
	}
	for i := range req.Packages {
		pkg := &req.Packages[i]
		if slices.Contains(pkg.Paths, path) {
			pkg.Files = append(pkg.Files, file)
			if two {
				pkg.Paths = append(pkg.Paths, other)
			}
			return
		}
	}
	req.Packages = append(req.Packages, wire.Package{Paths: []string{path}, Files: []int{file}})
}

// answer evaluates the target of a request.
func answer(req *wire.Request) *wire.Response {
	if req.Op == wire.OpSystem {
		return eval.System(req, syntax.PrepareSystem(req))
	}
	return eval.Model(req, syntax.Prepare(req))
}

func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	if all, err := os.ReadDir("testdata"); err != nil || len(all) != len(files) {
		t.Errorf("testdata contains files that are not cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			runCase(t, file, string(text))
		})
	}
}

func runCase(t *testing.T, file, text string) {
	comment, sections := readCase(text)
	answers := map[string]*wire.Response{}
	requests := map[string]*wire.Request{}
	ask := func(target string) (*wire.Request, *wire.Response) {
		if answers[target] == nil {
			requests[target] = request(target, sections)
			if target == wire.OpSystem {
				requests[target].Op = wire.OpSystem
			}
			answers[target] = answer(requests[target])
		}
		return requests[target], answers[target]
	}
	rewritten := bytes.NewBufferString(comment)
	expected := 0
	for _, s := range sections {
		words := strings.Fields(s.head)
		target := words[len(words)-1]
		got := s.text
		switch {
		case words[0] == "errors":
			if len(words) == 1 {
				target = "dev"
			}
			req, resp := ask(target)
			got = describe(req, resp)
			expected++
		case words[0] == "declarations":
			if len(words) == 1 {
				target = "dev"
			}
			req, resp := ask(target)
			got = declarations(req, resp)
			expected++
		case words[0] == "policies":
			if len(words) == 1 {
				target = "dev"
			}
			req, resp := ask(target)
			got = policies(req, resp)
			expected++
		case words[0] == "explained":
			if len(words) == 2 {
				target = "dev"
			}
			req, resp := ask(target)
			got = explained(req, resp, words[1])
			expected++
		case words[0] == "tree" || words[0] == "lines":
			if len(words) == 2 {
				target = "dev"
			}
			req, resp := ask(target)
			got = show(t, req, resp, words[1], words[0] == "lines")
			expected++
		}
		if got != s.text && !update {
			t.Errorf("%s:\n%s\nwant:\n%s", s.head, got, s.text)
		}
		fmt.Fprintf(rewritten, "-- %s --\n%s", s.head, got)
	}
	if expected == 0 {
		t.Error("the case expects nothing")
	}
	if update && rewritten.String() != text {
		if err := os.WriteFile(file, rewritten.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// describe renders errors: code and path, then labels and arguments.
func describe(req *wire.Request, resp *wire.Response) string {
	var out strings.Builder
	for _, e := range resp.Errors {
		fmt.Fprintf(&out, "%s %s\n", e.Code(), strings.Join(e.Path, "."))
		for _, label := range e.Labels {
			fmt.Fprintf(&out, "  %s role %d\n", site(req, label.Span), label.Role)
		}
		for _, argument := range e.Arguments() {
			text := argument.String()
			if text == "" || text == "false" || text == "[]" {
				continue
			}
			if argument.Name == "candidates" && len(text) > 60 {
				text = text[:60] + "…"
			}
			fmt.Fprintf(&out, "  %s: %s\n", argument.Name, text)
		}
	}
	if len(resp.Partial) > 0 {
		out.WriteString("partial:")
		for _, file := range resp.Partial {
			out.WriteString(" " + req.Files[file].Name)
		}
		out.WriteString("\n")
	}
	return out.String()
}

// declarations renders the owners of each component.
func declarations(req *wire.Request, resp *wire.Response) string {
	var out strings.Builder
	for _, d := range resp.Declarations {
		fmt.Fprintf(&out, "%s\n", strings.Join(d.Path, "."))
		for _, span := range d.Owners {
			fmt.Fprintf(&out, "  owner %s\n", site(req, span))
		}
		for _, span := range d.Others {
			fmt.Fprintf(&out, "  other %s\n", site(req, span))
		}
	}
	return out.String()
}

// policies renders the policies that apply, and what they require.
func policies(req *wire.Request, resp *wire.Response) string {
	var out strings.Builder
	for _, policy := range resp.Policies {
		fmt.Fprintf(&out, "%s of %s\n", policy.Name, req.Files[policy.By].Name)
		for _, required := range policy.Requires {
			fmt.Fprintf(&out, "  %s %s\n", strings.Join(required.Path, "."), site(req, required.Span))
		}
	}
	return out.String()
}

// explained renders the annotations of a path.
func explained(req *wire.Request, resp *wire.Response, path string) string {
	var out strings.Builder
	for _, e := range resp.Explained {
		if strings.Join(e.Path, ".") != path {
			continue
		}
		if e.Schema != nil {
			fmt.Fprintf(&out, "schema %s\n", site(req, *e.Schema))
		}
		for _, line := range e.Defaults {
			fmt.Fprintf(&out, "default %s own %t\n", site(req, line.Span), line.Own)
		}
		for _, line := range e.Overridden {
			fmt.Fprintf(&out, "replaced %s\n", site(req, line.Span))
		}
		for _, line := range e.Policies {
			fmt.Fprintf(&out, "policy %s %s\n", resp.Policies[line.Policy].Name, site(req, line.Span))
		}
	}
	return out.String()
}

// site renders a span with its text.
func site(req *wire.Request, span wire.Span) string {
	name, text := "", ""
	if span.File < len(req.Files) {
		name, text = req.Files[span.File].Name, req.Files[span.File].Text
	} else {
		file := eval.Schema()[span.File-len(req.Files)]
		// The schema's lines move, so they are left out.
		return fmt.Sprintf("%s %q", file.Name, file.Text[span.Start:span.End])
	}
	line := 1 + strings.Count(text[:span.Start], "\n")
	column := span.Start - strings.LastIndex(text[:span.Start], "\n")
	return fmt.Sprintf("%s:%d:%d %q", name, line, column, text[span.Start:span.End])
}

// show renders the part of the tree at a path.
func show(t *testing.T, req *wire.Request, resp *wire.Response, path string, lines bool) string {
	t.Helper()
	node := resp.Tree
	if path != "." {
		for _, name := range strings.Split(path, ".") {
			node = field(node, name)
			if node == nil {
				return "none\n"
			}
		}
	}
	if lines {
		var out strings.Builder
		showLines(&out, req, node, "")
		return out.String()
	}
	text, err := json.Marshal(plain(node))
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", " "); err != nil {
		t.Fatal(err)
	}
	return indented.String() + "\n"
}

func field(node *wire.Node, name string) *wire.Node {
	for _, field := range node.Fields {
		if field.Name == name {
			return field.Node
		}
	}
	return nil
}

func plain(node *wire.Node) any {
	switch node.Kind {
	case wire.Bool:
		return node.Bool
	case wire.Number:
		return json.Number(node.Text)
	case wire.String:
		return node.Text
	case wire.Struct:
		out := map[string]any{}
		for _, field := range node.Fields {
			if field.Node.Kind != wire.Absent {
				out[field.Name] = plain(field.Node)
			}
		}
		return out
	case wire.List:
		out := []any{}
		for _, item := range node.Items {
			out = append(out, plain(item))
		}
		return out
	default:
		return nil
	}
}

func showLines(out *strings.Builder, req *wire.Request, node *wire.Node, path string) {
	value := ""
	switch node.Kind {
	case wire.Absent:
		value = "absent"
	case wire.Struct, wire.List:
	default:
		text, _ := json.Marshal(plain(node))
		value = string(text)
	}
	fmt.Fprintf(out, "%s = %s\n", strings.TrimPrefix(path, "."), value)
	for _, o := range node.Origins {
		fmt.Fprintf(out, "  %s role %d", site(req, o.Span), o.Role)
		if o.By != o.File {
			fmt.Fprintf(out, " by %s", req.Files[o.By].Name)
		}
		out.WriteString("\n")
	}
	for _, field := range node.Fields {
		showLines(out, req, field.Node, path+"."+field.Name)
	}
	for i, item := range node.Items {
		showLines(out, req, item, fmt.Sprintf("%s.%d", path, i))
	}
}
