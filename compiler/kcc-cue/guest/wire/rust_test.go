package wire

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// hostFaults is the host's side of the table.
const hostFaults = "../../src/wire/faults.rs"

// TestHostHasTheSameFaults compares the host's enums with what the table in
// faults.go makes of them; KCC_UPDATE writes them.
func TestHostHasTheSameFaults(t *testing.T) {
	want := rustFaults(t)
	if os.Getenv("KCC_UPDATE") != "" {
		if err := os.WriteFile(hostFaults, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(hostFaults)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is out of date: write it with `KCC_UPDATE=1 go test ./wire`", hostFaults)
	}
}

// rustFaults writes the types of faults.go in Rust.
func rustFaults(t *testing.T) string {
	file, err := parser.ParseFile(token.NewFileSet(), "faults.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	w := &rustWriter{members: map[string][]*ast.TypeSpec{}, docs: map[*ast.TypeSpec]*ast.CommentGroup{}, values: map[string][]*ast.ValueSpec{}}
	var specs []*ast.TypeSpec
	for _, decl := range file.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range general.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				specs = append(specs, spec)
				w.docs[spec] = general.Doc
				if sum := w.sumOf(spec); sum != "" {
					w.members[sum] = append(w.members[sum], spec)
				}
			case *ast.ValueSpec:
				name := spec.Type.(*ast.Ident).Name
				w.values[name] = append(w.values[name], spec)
			}
		}
	}
	w.line("//! The table of what the guest can report, written from `guest/wire/faults.go` by the")
	w.line("//! test of that package: change it there.")
	w.line("")
	w.line("use serde::{Deserialize, Serialize};")
	for _, spec := range specs {
		w.declare(spec)
	}
	return w.text.String()
}

type rustWriter struct {
	text strings.Builder
	// members has the types of each sum, values the constants of each set.
	members map[string][]*ast.TypeSpec
	values  map[string][]*ast.ValueSpec
	docs    map[*ast.TypeSpec]*ast.CommentGroup
}

func (w *rustWriter) line(format string, args ...any) {
	fmt.Fprintf(&w.text, format+"\n", args...)
}

// doc writes a comment of Go as one of Rust, without the name it begins with.
func (w *rustWriter) doc(indent, name string, comment *ast.CommentGroup) {
	text := strings.TrimSpace(comment.Text())
	if rest, ok := strings.CutPrefix(text, name+" is "); ok {
		text = strings.ToUpper(rest[:1]) + rest[1:]
	}
	for _, line := range strings.Split(text, "\n") {
		w.line("%s", strings.TrimRight(indent+"/// "+line, " "))
	}
}

// sumOf returns the sum whose marker a type embeds.
func (w *rustWriter) sumOf(spec *ast.TypeSpec) string {
	if fields := fieldsOf(spec); len(fields) > 0 && len(fields[0].Names) == 0 {
		marker := fields[0].Type.(*ast.Ident).Name
		return strings.ToUpper(marker[:1]) + marker[1:]
	}
	return ""
}

func fieldsOf(spec *ast.TypeSpec) []*ast.Field {
	if structure, ok := spec.Type.(*ast.StructType); ok {
		return structure.Fields.List
	}
	return nil
}

// declare writes a type, unless it is a member of a sum or a marker.
func (w *rustWriter) declare(spec *ast.TypeSpec) {
	if !spec.Name.IsExported() || w.sumOf(spec) != "" {
		return
	}
	w.line("")
	w.doc("", spec.Name.Name, w.docs[spec])
	name := rustName(spec.Name.Name)
	switch x := spec.Type.(type) {
	case *ast.ArrayType:
		w.line("pub(crate) type %s = %s;", name, w.typeOf(x, false))
	case *ast.InterfaceType:
		w.line("#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]")
		tag := ""
		if name == "Detail" {
			tag = `tag = "code", content = "args", `
		}
		w.line(`#[serde(%srename_all = "kebab-case", deny_unknown_fields)]`, tag)
		w.line("pub(crate) enum %s {", name)
		for _, member := range w.members[spec.Name.Name] {
			w.member(member)
		}
		w.line("}")
	case *ast.StructType:
		w.line("#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]")
		w.line("#[serde(deny_unknown_fields)]")
		w.line("pub(crate) struct %s {", name)
		w.fields("    ", "pub(crate) ", fieldsOf(spec))
		w.line("}")
	case *ast.Ident:
		w.set(spec.Name.Name)
	}
}

func (w *rustWriter) member(spec *ast.TypeSpec) {
	w.doc("    ", spec.Name.Name, w.docs[spec])
	fields := fieldsOf(spec)[1:]
	if len(fields) == 0 {
		w.line("    %s {},", rustName(spec.Name.Name))
		return
	}
	w.line("    %s {", rustName(spec.Name.Name))
	w.fields("        ", "", fields)
	w.line("    },")
}

func (w *rustWriter) fields(indent, visibility string, fields []*ast.Field) {
	for _, field := range fields {
		optional := field.Tag != nil && reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("wire") == "optional"
		rust := w.typeOf(field.Type, optional)
		if field.Doc != nil {
			w.doc(indent, "", field.Doc)
		}
		if strings.HasPrefix(rust, "Option<") {
			w.line("%s#[serde(default)]", indent)
		}
		w.line("%s%s%s: %s,", indent, visibility, strings.Join(Words(field.Names[0].Name), "_"), rust)
	}
}

// set writes a set of texts.
func (w *rustWriter) set(name string) {
	w.line("#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]")
	w.line(`#[serde(rename_all = "kebab-case")]`)
	visibility := "pub(crate)"
	if name == "Absence" {
		// The caller says why a package is absent.
		visibility = "pub"
	}
	w.line("%s enum %s {", visibility, rustName(name))
	for _, value := range w.values[name] {
		constant := strings.TrimPrefix(value.Names[0].Name, name)
		text, _ := strconv.Unquote(value.Values[0].(*ast.BasicLit).Value)
		if text != strings.Join(Words(constant), "-") {
			panic(constant + " does not stand for " + text)
		}
		if value.Doc != nil {
			w.doc("    ", "", value.Doc)
		} else {
			w.line("    /// `%s`.", text)
		}
		w.line("    %s,", rustName(constant))
	}
	w.line("}")
}

func (w *rustWriter) typeOf(x ast.Expr, optional bool) string {
	if optional {
		return "Option<" + w.typeOf(x, false) + ">"
	}
	switch x := x.(type) {
	case *ast.StarExpr:
		return "Option<" + w.typeOf(x.X, false) + ">"
	case *ast.ArrayType:
		return "Vec<" + w.typeOf(x.Elt, false) + ">"
	case *ast.Ident:
		switch x.Name {
		case "string":
			return "String"
		case "bool":
			return "bool"
		case "int":
			return "usize"
		}
		return rustName(x.Name)
	}
	panic(fmt.Sprintf("a field of type %T", x))
}

// rustName writes acronyms as words.
func rustName(name string) string {
	var out strings.Builder
	for _, word := range Words(name) {
		out.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return out.String()
}
