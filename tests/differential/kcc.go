package differential

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"cuelang.org/go/cue/parser"

	"kcc.dev/evaluator/eval"
	"kcc.dev/evaluator/syntax"
	"kcc.dev/evaluator/wire"
)

// kind returns what two ways of writing the same mistake have in common: the host
// shows the codes of one kind under the same heading.
func kind(detail wire.Detail) string {
	switch detail.(type) {
	case wire.UnusedName, wire.RefusedExpression, wire.FailedExpression, wire.RaisedError,
		wire.IncompleteExpression, wire.FunctionValue:
		return "bad-expression"
	case wire.Conflict, wire.ExclusiveFields, wire.DifferentSpellings, wire.EqualDefaults:
		return "conflict"
	case wire.UnknownName, wire.UnknownReference:
		return "unknown-name"
	case wire.UnknownField, wire.HiddenKey:
		return "unknown-field"
	case wire.ClosedDefinition, wire.ClosedStruct:
		return "closed-definition"
	}
	return wire.Fault{Detail: detail}.Code()
}

// evaluateKcc evaluates a system with kcc's evaluator.
func evaluateKcc(s *system) (v verdict) {
	defer func() {
		if cause := recover(); cause != nil {
			v = verdict{crash: fmt.Sprint(cause)}
		}
	}()
	alone := &wire.Request{Version: wire.Version, Op: wire.OpSystem}
	for _, f := range s.all() {
		if f.name == "kcc.cue" {
			alone.Files = append(alone.Files, wire.File{Name: f.name, Text: f.text})
		}
	}
	resp := eval.System(alone, syntax.PrepareSystem(alone))
	shifted := map[string]bool{}
	req := alone
	if !failed(resp) {
		req = request(s, plainValue(resp.Tree).(map[string]any))
		for _, f := range s.files {
			shifted[f.name] = f.shifted
		}
		resp = eval.Model(req, syntax.Prepare(req))
	}
	for _, d := range resp.Declarations {
		if len(d.Owners) == 0 && !failed(resp) {
			// The host rejects a component that nobody declares, that is, without
			// an image, a build or a kind.
			e := wire.Fault{Detail: wire.MissingField{}, Path: d.Path}
			for _, span := range d.Others {
				e = e.At(span, wire.RoleValue)
			}
			resp.Errors = append(resp.Errors, e)
		}
	}
	if !failed(resp) {
		return verdict{values: normalize(plainValue(resp.Tree).(map[string]any))}
	}
	for _, e := range resp.Errors {
		if e.Warning {
			continue
		}
		var lines []string
		for _, label := range e.Labels {
			if label.File >= len(req.Files) {
				continue
			}
			f := req.Files[label.File]
			line := 1 + strings.Count(f.Text[:label.Start], "\n")
			if shifted[f.Name] {
				line--
			}
			lines = append(lines, fmt.Sprintf("%s:%d", f.Name, line))
		}
		v.errors = append(v.errors, lines)
		v.codes = append(v.codes, kind(e.Detail))
		v.messages = append(v.messages, fmt.Sprintf("%s %s %v %v", e.Code(), strings.Join(e.Path, "."), lines, e.Arguments()))
	}
	slices.Sort(v.codes)
	v.codes = slices.Compact(v.codes)
	return v
}

func failed(resp *wire.Response) bool {
	return slices.ContainsFunc(resp.Errors, func(e wire.Fault) bool { return !e.Warning })
}

// request builds the host's request, given the evaluated kcc.cue.
func request(s *system, settings map[string]any) *wire.Request {
	req := &wire.Request{Version: wire.Version, Op: wire.OpModel, Target: s.targetName()}
	declared, _ := settings["system"].(map[string]any)
	targets, _ := declared["targets"].(map[string]any)
	req.Targets = slices.Sorted(maps.Keys(targets))
	if req.Targets == nil {
		req.Targets = []string{"dev", "prod", "stage", "test"}
	}
	teams, _ := declared["teams"].(map[string]any)
	paths := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(teams)) {
		team, _ := teams[name].(map[string]any)
		paths[name], _ = team["path"].(string)
		req.Teams = append(req.Teams, wire.Team{Name: name, Owns: texts(team["owns"]), Governs: texts(team["governs"])})
	}
	packages := map[string][]int{}
	for _, f := range s.all() {
		if !strings.HasSuffix(f.name, ".cue") || f.name == "cue.mod/module.cue" {
			continue
		}
		index := len(req.Files)
		given := wire.File{Name: f.name, Text: f.text}
		for name, folder := range paths {
			if strings.HasPrefix(f.name, folder+"/") {
				given.Team = name
			}
		}
		if !s.fragment(f) {
			packages[packageOf(f)] = append(packages[packageOf(f)], index)
		}
		req.Files = append(req.Files, given)
	}
	addPackages(req, packages)
	return req
}

func texts(list any) []string {
	var out []string
	items, _ := list.([]any)
	for _, item := range items {
		text, _ := item.(string)
		out = append(out, text)
	}
	return out
}

// packageOf returns the directory and the name of a file's package, in the form
// of an import path.
func packageOf(f file) string {
	name := ""
	if tree, err := parser.ParseFile(f.name, f.text, parser.PackageClauseOnly); err == nil {
		name = tree.PackageName()
	}
	return strings.TrimPrefix(path.Dir(f.name), "cue.mod/pkg/") + ":" + name
}

// addPackages adds the packages that the files import, as the host does.
func addPackages(req *wire.Request, packages map[string][]int) {
	at := map[string]int{}
	for _, f := range req.Files {
		tree, err := parser.ParseFile(f.Name, f.Text, parser.ImportsOnly)
		if err != nil {
			continue
		}
		for spec := range tree.ImportSpecs() {
			spelled := strings.Trim(spec.Path.Value, `"`)
			first, _, _ := strings.Cut(spelled, "/")
			if !strings.Contains(first, ".") {
				continue
			}
			clean, name, named := strings.Cut(spelled, ":")
			clean, _, _ = strings.Cut(clean, "@")
			if !named {
				name = path.Base(clean)
			}
			if local, ok := strings.CutPrefix(clean, module+"/"); ok {
				clean = local
			}
			key := clean + ":" + name
			files := packages[key]
			if files == nil {
				req.Missing = append(req.Missing, wire.Missing{Path: spelled, Reason: "folder"})
				continue
			}
			// Files in the directories above with the same package clause belong
			// to it.
			for above := path.Dir(clean); above != "."; above = path.Dir(above) {
				files = append(slices.Clone(files), packages[above+":"+name]...)
			}
			if _, ok := at[key]; !ok {
				at[key] = len(req.Packages)
				req.Packages = append(req.Packages, wire.Package{Files: files})
			}
			pkg := &req.Packages[at[key]]
			if !slices.Contains(pkg.Paths, spelled) {
				pkg.Paths = append(pkg.Paths, spelled)
			}
		}
	}
}

// plainValue converts a node to JSON values, without what kcc's schema adds.
func plainValue(node *wire.Node) any {
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
			if field.Node.Kind != wire.Absent && !addedBySchema(field.Node) {
				out[field.Name] = plainValue(field.Node)
			}
		}
		return out
	case wire.List:
		out := []any{}
		for _, item := range node.Items {
			out = append(out, plainValue(item))
		}
		return out
	default:
		return nil
	}
}

// addedBySchema reports whether no fragment gives a value.
func addedBySchema(node *wire.Node) bool {
	given := func(o wire.Origin) bool { return o.Role == wire.RoleValue || o.Role == wire.RoleCUEDefault }
	switch {
	case slices.ContainsFunc(node.Origins, given):
		return false
	case slices.ContainsFunc(node.Origins, func(o wire.Origin) bool { return o.Role == wire.RoleSchema }):
		return true
	case len(node.Fields) == 0:
		return false
	}
	return !slices.ContainsFunc(node.Fields, func(f wire.Field) bool { return !addedBySchema(f.Node) })
}

// normalize removes what every system has, and writes ports in one form.
func normalize(values map[string]any) map[string]any {
	delete(values, "system")
	delete(values, "target")
	if objects, ok := values["objects"].(map[string]any); ok {
		if x, ok := objects["x"].(map[string]any); ok {
			if x["apiVersion"] == "example.com/v1" && x["kind"] == "Example" {
				delete(x, "apiVersion")
				delete(x, "kind")
			}
			if len(x) == 0 {
				delete(objects, "x")
			}
		}
		if len(objects) == 0 {
			delete(values, "objects")
		}
	}
	for _, root := range []string{"services", "jobs", "cronJobs"} {
		components, _ := values[root].(map[string]any)
		for _, component := range components {
			if component, ok := component.(map[string]any); ok {
				normalizePorts(component)
			}
		}
	}
	return values
}

// normalizePorts writes `port` and numbers in `ports` long, as kcc does.
func normalizePorts(component map[string]any) {
	ports, _ := component["ports"].(map[string]any)
	for name, port := range ports {
		if number, ok := port.(json.Number); ok {
			ports[name] = map[string]any{"number": number}
		}
	}
	if port, ok := component["port"].(json.Number); ok {
		if ports == nil {
			ports = map[string]any{}
			component["ports"] = ports
		}
		if _, ok := ports["http"]; !ok {
			ports["http"] = map[string]any{"number": port}
		}
	}
	if http, ok := ports["http"].(map[string]any); ok {
		if _, there := component["port"]; !there {
			component["port"] = http["number"]
		}
	}
}
