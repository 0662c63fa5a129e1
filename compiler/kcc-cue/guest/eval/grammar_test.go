package eval_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"kcc.dev/evaluator/serve"
	"kcc.dev/evaluator/wire"
)

// grammar generates random CUE from every construct of the language, most of it
// wrong in some way.
type grammar struct {
	random *rand.Rand
	depth  int
}

func (g *grammar) one(texts ...string) string { return texts[g.random.IntN(len(texts))] }

var helperNames = []string{"_a", "_b", "_c", "_d", "_e", "#F", "#G", "_#H", "_l", "_s"}

// scalar returns an expression without parts.
func (g *grammar) scalar() string {
	return g.one(
		`"a/b:1"`, `"x"`, `""`, "5", "0", "-1", "80", "1.5", "1e400", "123456789012345678901234567890", "0x1F", "1_000", "2Ki", ".5",
		"true", "false", "null", "_", "_|_", "string", "int", "bool", "bytes", "number", "float", "uint8",
		`'bytes\x00'`, "\"\"\"\n\tmany\n\tlines\n\t\"\"\"", `#"raw \("x")"#`, `=~"^a"`, `=~"["`, `!~"x"`, ">=1", "<5", "!=null", `!="x"`, ">_b",
		"target", "services", "services.web", "services.web.image", `services["api"]`, "services.nope.image", "on", "policies", "in",
		"strings.ToUpper", "list", "self", "nope", "__string",
	)
}

// expr returns any expression.
func (g *grammar) expr() string {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > 5 {
		return g.scalar()
	}
	helper := func() string { return g.one(helperNames...) }
	switch g.random.IntN(26) {
	case 0:
		return "{" + g.fields() + "}"
	case 1:
		return "[" + g.elements() + "]"
	case 2:
		return g.expr() + " & " + g.expr()
	case 3:
		return g.expr() + " | " + g.expr()
	case 4:
		return "*" + g.scalar() + " | " + g.scalar()
	case 5:
		return g.expr() + " " + g.one("+", "-", "*", "/", "==", "!=", "<", ">=", "=~", "&&", "||") + " " + g.expr()
	case 6:
		return g.one("-", "!", "+", ">", "=~", "*") + g.scalar()
	case 7:
		return helper() + g.one(".a", ".b", ".ports.http", `["a"]`, "[0]", "[-1]", "[1:]", "[:1]", "[1:9]", "[_s]", ".#p", "...", "")
	case 8:
		return "(" + g.expr() + ")" + g.one("", ".a", "[0]", ".out")
	case 9:
		return `"x\(` + g.one(helper(), g.scalar(), "1/0", `_a["b"]`, "services.web.image") + `)"`
	case 10:
		return g.one("len", "close", "and", "or", "div", "quo", "error", "matchN", "matchIf", "__no") + "(" + g.elements() + ")"
	case 11:
		return g.one("strings.ToUpper", "strings.Join", "strings.Repeat", "strings.MinRunes", "list.Concat", "list.Sum", "list.Sort",
			"struct.MinFields", "struct.MaxFields", "json.Marshal", "json.Unmarshal", "regexp.Match", "math.Pow", "strconv.Atoi", "time.Parse") + "(" + g.elements() + ")"
	case 12:
		return helper() + " & {" + g.fields() + "}"
	case 13:
		return "[" + g.clause() + "{" + g.one(g.fields(), g.expr()) + "}]" + g.one("", "[0]")
	default:
		return g.one(g.scalar(), helper())
	}
}

func (g *grammar) elements() string {
	var all []string
	for range g.random.IntN(3) {
		all = append(all, g.expr())
	}
	if g.random.IntN(6) == 0 {
		all = append(all, "..."+g.one("", "string", "_a"))
	}
	return strings.Join(all, ", ")
}

func (g *grammar) clause() string {
	clause := g.one("if "+g.expr()+" ", "for k, v in "+g.expr()+" ", "for v in "+g.expr()+" ", "if true ", "if false ", "let q = "+g.expr()+" ")
	if strings.HasPrefix(clause, "let") {
		clause = "if true " + clause
	}
	if g.random.IntN(4) == 0 {
		clause += g.one("if v != _|_ ", "let w = v ", "for x in v ")
	}
	return clause
}

// label leaves out `a!`: CUE never terminates on `>=1 & {a!: int, b}` with `b:
// _`.
func (g *grammar) label() string {
	return g.one("a", "b", "c", "image", "port", "ports", "env", "labels", "replicas", "args", "health", "needs", "x", "http", "number",
		`"a"`, `"\(_s)"`, "(_s)", "(_b)", `"\(nope)"`, "[string]", `[=~"^a"]`, `[=~"["]`, "[_]", "[_b]", "[X=string]", "_h", "#p", "_#q", "__x",
		"a?", "X=a", "Y=(_s)", "services", "web", "0", `""`, `"é"`, "let")
}

func (g *grammar) fields() string {
	var all []string
	for range g.random.IntN(4) {
		g.depth++
		switch {
		case g.depth > 5:
			all = append(all, g.label()+": "+g.scalar())
		case g.random.IntN(8) == 0:
			all = append(all, g.clause()+"{"+g.fields()+"}")
		case g.random.IntN(8) == 0:
			all = append(all, g.expr())
		case g.random.IntN(12) == 0:
			all = append(all, "let y = "+g.expr())
		case g.random.IntN(14) == 0:
			all = append(all, g.one("...", "...int", "@tag(x)", "@x(y)", "@if(z)", "@experiment(try)"))
		default:
			all = append(all, g.label()+": "+g.expr())
		}
		g.depth--
	}
	return strings.Join(all, ", ")
}

// file returns a fragment.
func (g *grammar) file() string {
	var out strings.Builder
	out.WriteString(g.one("", "", "", "", "@experiment(try)\n", "@experiment(aliasv2)\n", "@experiment(explicitopen)\n"))
	out.WriteString("package x\n\n")
	for _, name := range []string{"strings", "list", "struct", "encoding/json", "regexp", "math", "strconv", "time"} {
		if g.random.IntN(2) == 0 {
			out.WriteString("import \"" + name + "\"\n")
		}
	}
	for _, name := range helperNames {
		if g.random.IntN(3) > 0 {
			out.WriteString(name + ": " + g.expr() + "\n")
		}
	}
	out.WriteString("services: web: {image: \"a/b:1\", " + g.fields() + "}\n")
	for range g.random.IntN(4) {
		out.WriteString(g.one(
			"services: api: "+g.expr(), "services: "+g.expr(), "services: {"+g.clause()+"{api: "+g.expr()+"}}", g.clause()+"{services: x: "+g.expr()+"}",
			g.expr(), "jobs: "+g.label()+": "+g.expr(), "objects: x: "+g.expr(), "on: dev: "+g.expr(), "on: dev: services: web: "+g.expr(),
			"defaults: services: [string]: "+g.expr(), "defaults: "+g.expr(), "policies: p: {message: \"m\", require: "+g.expr()+"}",
			"policies: p: {message: \"m\", require: services: [string]: {"+g.fields()+"}}", "backing: db: "+g.expr(), "kinds: k: {"+g.fields()+"}",
			"configs: app: "+g.expr(), "secrets: s: "+g.expr(), "system: "+g.expr(), "target: "+g.expr(), g.label()+": "+g.expr(),
			"services: web: {"+g.fields()+"}", "let z = "+g.expr(),
		) + "\n")
	}
	return out.String()
}

// internal matches names that only the evaluator knows.
var internal = regexp.MustCompile("\\$[0-9a]|//cue:|\\(:x\\)")

// TestAnyFragmentGetsAnAnswer generates random fragments. Each has to get an
// answer, each error a line of the fragments, and no internal name may appear.
func TestAnyFragmentGetsAnAnswer(t *testing.T) {
	rounds := 500
	if given, err := strconv.Atoi(os.Getenv("KCC_ROUNDS")); err == nil {
		rounds = given
	}
	start, _ := strconv.Atoi(os.Getenv("KCC_START"))
	for round := start; round < start+rounds; round++ {
		g := &grammar{random: rand.New(rand.NewPCG(uint64(round), 4))}
		req := &wire.Request{Version: wire.Version, Op: wire.OpModel, Target: "dev", Targets: allTargets, Files: []wire.File{
			{Name: "kcc.cue", Text: "package x\n\nsystem: name: \"x\"\n"}, {Name: "a/a.cue", Text: g.file(), Team: "a"},
		}}
		if g.random.IntN(3) == 0 {
			req.Files = append(req.Files, wire.File{Name: "b/b.cue", Text: g.file(), Team: "b"})
		}
		text, err := json.Marshal(map[string]any{
			"version": wire.Version, "op": req.Op, "target": req.Target, "targets": req.Targets, "files": lower(req.Files), "explain": true,
		})
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Errors []struct {
				Code    string
				Path    []string
				Warning bool
				Args    map[string]any
				Labels  []struct{ File, Start, End int }
			}
		}
		if err := json.Unmarshal(serve.Run(text), &answer); err != nil {
			t.Fatalf("round %d: not JSON: %v", round, err)
		}
		all := func() string {
			var out strings.Builder
			for _, file := range req.Files[1:] {
				out.WriteString("-- " + file.Name + " --\n" + file.Text)
			}
			return out.String()
		}
		for _, e := range answer.Errors {
			labelled := false
			for _, label := range e.Labels {
				labelled = labelled || label.File < len(req.Files)
				if label.File < len(req.Files) && (label.Start > label.End || label.End > len(req.Files[label.File].Text)) {
					t.Errorf("round %d: %s has span %v\n%s", round, e.Code, label, all())
				}
			}
			if e.Code == "internal" || !labelled {
				t.Errorf("round %d: %s %v %v has no label\n%s", round, e.Code, e.Path, e.Args, all())
			}
			for name, arg := range e.Args {
				if name != "candidates" && internal.MatchString(fmt.Sprint(arg)) {
					t.Errorf("round %d: %s %v %s: %v\n%s", round, e.Code, e.Path, name, arg, all())
				}
			}
			if e.Code == "unaccounted" {
				t.Errorf("round %d: %v is unaccounted for\n%s", round, e.Args, all())
			}
		}
	}
}
