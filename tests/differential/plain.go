package differential

import (
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/load"
)

// folder is the system's directory as CUE's loader sees it.
const folder = "/system"

// evaluatePlain evaluates a system as `cue vet -c` and `cue export` do.
//
// kcc unifies the files of all directories, CUE those of one, so fragments are
// put into the root.
func evaluatePlain(s *system) verdict {
	return evaluateFolder(s, func(f file) string {
		if s.fragment(f) {
			return strings.ReplaceAll(f.name, "/", "_")
		}
		return f.name
	})
}

// evaluateFolder evaluates the root directory of a system, with the files at the
// given paths.
func evaluateFolder(s *system, place func(file) string) verdict {
	overlay := map[string]load.Source{
		path.Join(folder, "cue.mod/module.cue"): load.FromString(moduleFile),
	}
	names := map[string]*file{}
	add := func(name string, f *file) {
		overlay[path.Join(folder, name)] = load.FromString(f.text)
		names[path.Join(folder, name)] = f
	}
	add("target.cue", &file{name: "target.cue", text: fmt.Sprintf("%s\n\ntarget: %q\n", s.clause(), s.targetName())})
	for _, f := range s.all() {
		add(place(f), &f)
	}
	config := &load.Config{Dir: folder, Overlay: overlay, Env: []string{"CUE_REGISTRY=none"}}
	instance := load.Instances([]string{".:" + strings.TrimPrefix(s.clause(), "package ")}, config)[0]
	if instance.Err != nil {
		return refusal(instance.Err, names)
	}
	value := cuecontext.New().BuildInstance(instance)
	if err := value.Validate(cue.Attributes(true), cue.Definitions(true), cue.Hidden(true), cue.Concrete(true)); err != nil {
		return refusal(err, names)
	}
	text, err := value.MarshalJSON()
	if err != nil {
		return refusal(err, names)
	}
	values := map[string]any{}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if err := decoder.Decode(&values); err != nil {
		return refusal(err, names)
	}
	return verdict{values: normalize(values)}
}

// refusal collects the positions of CUE's errors.
func refusal(err error, names map[string]*file) verdict {
	var v verdict
	for _, e := range errors.Errors(err) {
		var lines []string
		for _, pos := range errors.Positions(e) {
			f, ok := names[filepath.Clean(pos.Filename())]
			if !ok {
				continue
			}
			line := pos.Line()
			if f.shifted {
				line--
			}
			lines = append(lines, fmt.Sprintf("%s:%d", f.name, line))
		}
		format, _ := e.Msg()
		v.codes = append(v.codes, format)
		v.errors = append(v.errors, lines)
		v.messages = append(v.messages, errors.Details(e, nil))
	}
	slices.Sort(v.codes)
	v.codes = slices.Compact(v.codes)
	return v
}
