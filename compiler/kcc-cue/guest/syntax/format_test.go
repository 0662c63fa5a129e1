package syntax

import (
	"os"
	"path/filepath"
	"testing"

	"kcc.dev/evaluator/wire"
)

func TestFormatsWhatParses(t *testing.T) {
	files := []wire.File{
		{Name: "a.cue", Text: "package shop\n// A service.\nservices:   web: {\n  image: \"a\"   // why\n}\n"},
		{Name: "b.cue", Text: "package shop\nservices: {\n"},
	}
	resp := Format(&wire.Request{Files: files})
	want := "package shop\n\n// A service.\nservices: web: {\n\timage: \"a\" // why\n}\n"
	if resp.Formatted[0] == nil || *resp.Formatted[0] != want {
		t.Errorf("got %v", resp.Formatted[0])
	}
	if resp.Formatted[1] != nil || len(resp.Errors) != 1 || resp.Errors[0].Code() != "syntax" {
		t.Errorf("got %v and %v", resp.Formatted[1], resp.Errors)
	}
}

// TestFormattingIsStable checks that formatted files of this repository stay as
// they are.
func TestFormattingIsStable(t *testing.T) {
	paths, err := filepath.Glob("../../../../schemas/*.cue")
	if err != nil || len(paths) == 0 {
		t.Fatal("no schema", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		once := Format(&wire.Request{Files: []wire.File{{Name: path, Text: string(text)}}}).Formatted[0]
		if once == nil {
			t.Fatalf("%s is not formatted", path)
		}
		twice := Format(&wire.Request{Files: []wire.File{{Name: path, Text: *once}}}).Formatted[0]
		if twice == nil || *twice != *once {
			t.Errorf("%s changes when it is formatted again", path)
		}
	}
}
