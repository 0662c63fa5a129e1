package eval_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kcc.dev/evaluator/wire"
)

// messagesFile is the host's table of CUE's messages.
const messagesFile = "../../src/messages/cue_messages.txt"

// messagePackages are the packages of CUE whose messages a fragment can cause.
var messagePackages = []string{
	"cue/parser", "cue/scanner", "cue/literal", "cue/ast/astutil",
	"internal/core/adt", "internal/core/compile", "pkg",
}

// constructors are the functions that create an error from a format.
var constructors = []string{
	"addErrf", "errFn", "NewErrf", "Newf", "newErrf", "errf", "Errf", "Errorf", "Wrapf", "New", "NewPosf", "error", "errorExpected",
}

// formatsOfCUE returns the formats of all errors in these packages.
func formatsOfCUE(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "cuelang.org/go").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := strings.TrimSpace(string(out))
	found := map[string]bool{}
	for _, pkg := range messagePackages {
		err := filepath.WalkDir(filepath.Join(root, pkg), func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && (entry.Name() == "tool" || entry.Name() == "testdata"):
				return filepath.SkipDir
			case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(node ast.Node) bool {
				call, ok := node.(*ast.CallExpr)
				if !ok || !slices.Contains(constructors, calledName(call.Fun)) {
					return true
				}
				for _, arg := range call.Args {
					lit, ok := arg.(*ast.BasicLit)
					if !ok || lit.Kind != token.STRING {
						continue
					}
					if text, err := strconv.Unquote(lit.Value); err == nil && strings.TrimSpace(text) != "" {
						found[strings.ReplaceAll(strings.TrimSpace(text), "\n", " ")] = true
					}
					break
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func calledName(fun ast.Expr) string {
	switch fun := fun.(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		return fun.Sel.Name
	}
	return ""
}

// readTable reads the table: the formats, each with the host's message.
func readTable(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(messagesFile)
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "//") {
			continue
		}
		format, message, ok := strings.Cut(line, "\t")
		if !ok || message == "" {
			t.Errorf("%s: no message in %q", messagesFile, line)
		}
		if _, duplicate := table[format]; duplicate {
			t.Errorf("%s: %q is listed twice", messagesFile, format)
		}
		table[format] = message
	}
	return table
}

// TestEveryMessageIsInTheTable fails for a message of CUE that the host's table
// lacks, such as one of a new version.
func TestEveryMessageIsInTheTable(t *testing.T) {
	table := readTable(t)
	formats := formatsOfCUE(t)
	if len(formats) < 200 {
		t.Fatalf("only %d formats were found", len(formats))
	}
	for _, format := range formats {
		if _, ok := table[format]; !ok {
			t.Errorf("%q is not in %s: add a message, or `-` if no fragment causes it", format, messagesFile)
		}
	}
	for format := range table {
		if !slices.Contains(formats, format) && !slices.Contains(joinedByCUE, format) {
			t.Errorf("CUE has no message %q", format)
		}
	}
}

var verb = regexp.MustCompile(`%(\[\d+\])?[+#]?[a-zA-Z]`)

func patternOf(format string) *regexp.Regexp {
	var parts []string
	for _, part := range verb.Split(format, -1) {
		parts = append(parts, regexp.QuoteMeta(part))
	}
	return regexp.MustCompile(`(?s)^` + strings.Join(parts, ".*") + `$`)
}

// joinedByCUE are messages that CUE assembles from parts, and those of Go's library.
var joinedByCUE = []string{
	"conflicting values %s and %s",
	"conflicting values %s and %s (mismatched types %s and %s)",
	"error in call to %s: %s",
	"`%s` closes nothing",
	"`%s` is never closed",
	"nested more than %d levels deep",
	"index out of range [%d] with length %d",
	"cannot use %s (type %s) as type %s in %v",
	"cannot call non-function %s (type %s)",
	"cannot use %s (type %s) as %s in argument %d",
	"cannot use %s (type %s) as type (bool|string|bytes|number)",
	"error in call to encoding/base64.Decode: %s",
	"error in call to encoding/hex.Decode: %s",
	"error in call to encoding/json.Unmarshal: %s",
	"error in call to encoding/yaml.Unmarshal: %s",
	"error in call to strconv.%s: invalid syntax",
	"error in call to text/template.Execute: %s",
	"error parsing regexp: %s",
	"ParseAddr(%s): unable to parse IP",
	"value out of range",
	"cannot use %s (type %s) as type bool",
	"cannot use %s (type %s) as type bool in &&",
	"failed arithmetic: division by zero",
	"invalid regexp: error parsing regexp: %s",
	"unknown escape sequence",
	"invalid index %s (invalid type %v)",
	"invalid index %v (index must be non-negative)",
}

// messageOf returns CUE's message in a detail, if it has one.
func messageOf(detail wire.Detail) string {
	var cause *wire.Cause
	switch detail := detail.(type) {
	case wire.Syntax:
		return detail.Message
	case wire.RefusedExpression:
		cause = &detail.Cause
	case wire.FailedExpression:
		cause = detail.Cause
	case wire.IncompleteExpression:
		cause = detail.Cause
	}
	if cause == nil {
		return ""
	}
	return cause.Message
}

// TestMessagesAreKnown fails for a message that reaches the host, from the cases
// or from fragments broken at random, and is not in the table.
func TestMessagesAreKnown(t *testing.T) {
	var known []*regexp.Regexp
	for format, message := range readTable(t) {
		if message != "-" && strings.TrimSpace(verb.ReplaceAllString(format, "")) != "" {
			known = append(known, patternOf(strings.TrimRight(format, ":.")))
		}
	}
	// For errors made by Go's standard library the host only says that the call
	// fails.
	known = append(known, regexp.MustCompile(`^error in call to `))
	seen := map[string]bool{}
	check := func(req *wire.Request) {
		for _, e := range answer(req).Errors {
			text := messageOf(e.Detail)
			if text == "" || seen[text] {
				continue
			}
			seen[text] = true
			line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
			line = strings.TrimRight(line, ":.")
			if path, rest, ok := strings.Cut(line, ": "); ok && !strings.Contains(path, " ") {
				line = rest
			}
			if !slices.ContainsFunc(known, func(format *regexp.Regexp) bool { return format.MatchString(line) }) {
				t.Errorf("%s: %q is not in the table", e.Code(), text)
			}
		}
	}
	var requests []*wire.Request
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		_, sections := readCase(string(text))
		requests = append(requests, request("dev", sections))
	}
	for _, req := range requests {
		check(req)
	}
	random := rand.New(rand.NewPCG(3, 5))
	for range 400 {
		req := *requests[random.IntN(len(requests))]
		req.Files = slices.Clone(req.Files)
		at := random.IntN(len(req.Files))
		req.Files[at].Text = mutated(random, req.Files[at].Text)
		check(&req)
	}
	if len(seen) < 20 {
		t.Errorf("only %d messages were caused", len(seen))
	}
}
