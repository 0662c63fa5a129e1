package eval_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kcc.dev/evaluator/wire"
)

// mistakes are fragments of one team with at most one mistake each. `NAME` stands
// for the name of the team's component.
var mistakes = []string{
	// Unreadable.
	"services: NAME: {image: \"x/y:1\"\n",
	"services: NAME: image \"x/y:1\"",
	"services: NAME: image: \"x/y:1\"\n}",
	"services: NAME: image: nope",
	"services: NAME: image: \"x:\\(nope)\"",
	"services: NAME: {image: \"x/y:1\", env: A: nope}",
	"services: NAME: image: _foreign",
	"import \"strings\"\nservices: NAME: image: \"x/y:1\"",
	"import \"nope\"\nservices: NAME: image: nope.x",
	"import \"acme.com/nope\"\nservices: NAME: image: nope.x",
	"services: NAME: {let unused = 1, image: \"x/y:1\"}",
	"services: NAME: {image: \"x/y:1\", X=user: \"1\"}",
	"services: NAME: {image: \"x/y:1\", user: \"1\" @tag(x)}",
	"servics: NAME: image: \"x/y:1\"",
	"system: name: \"y\"\nservices: NAME: image: \"x/y:1\"",
	// Fields.
	"services: NAME: {image: \"x/y:1\", imge: \"x\"}",
	"services: NAME: {image: \"x/y:1\", volumes: v: {size: \"1Gi\"}}",
	"services: NAME: image: string",
	"services: NAME: {image: \"x/y:1\", port: \"80\"}",
	"services: NAME: {image: \"x/y:1\", port: 99999}",
	"services: NAME: {image: \"x/y:1\", env: [\"A=b\"]}",
	"services: NAME: \"x/y:1\"",
	"services: NAME: {image: \"x/y:1\", health: {http: \"/\", tcp: \"x\"}}",
	"backing: NAME: kind: \"postgre\"",
	"jobs: NAME: {image: \"x/y:1\", retries: -1}",
	"secrets: NAME: generate: 5",
	"configs: NAME: data: 5",
	// Values.
	"services: NAME: {image: \"x/y:1\", replicas: 1}\nservices: NAME: replicas: 2",
	"services: NAME: {image: \"x/y:1\", replicas: 1, replicas: >=2}",
	"services: NAME: {image: \"x/y:1\", replicas: *1 | int, replicas: *2 | int}",
	"services: NAME: {image: \"x/y:1\", replicas: *1 | int, replicas: >=2}",
	"services: NAME: {image: \"x/y:1\", port: 80, ports: http: 81}",
	"services: NAME: {image: \"x/y:1\", user: workingDir, workingDir: user}",
	"services: NAME: {image: \"x/y:1\", user: \"\\(workingDir)\", workingDir: \"\\(user)\"}",
	"#S: {image: \"x/y:1\"}\nservices: NAME: #S & {port: 80}",
	"_t: string\nservices: NAME: image: \"x:\\(_t)\"",
	"_t: string\nservices: NAME: {image: \"x/y:1\", user: _t + \"x\"}",
	"_t: int\nservices: NAME: {image: \"x/y:1\", replicas: >_t, replicas: 2}",
	"_s: {a: 1}\nservices: NAME: {image: \"x/y:1\", replicas: _s.b}",
	"services: NAME: {image: \"x/y:1\", user: services.nobody.user}",
	"services: NAME: {image: \"x/y:1\", replicas: 1/0}",
	"services: NAME: {image: \"x/y:1\", labels: a: \"\\(1/0)\"}",
	"import \"strings\"\nservices: NAME: image: strings.Repeat(\"x\", -1)",
	"services: NAME: {image: \"x/y:1\", labels: [=~\"[\"]: \"x\", labels: a: \"b\"}",
	"services: NAME: {image: \"x/y:1\", env: A: _|_}",
	"services: NAME: {image: \"x/y:1\", env: A: error(\"no\")}",
	"services: NAME: {image: \"x/y:1\", matchN(1, [{user!: _}])}",
	"services: NAME: {image: \"x/y:1\", args: [\"a\", 5]}",
	// Blocks.
	"services: NAME: {image: \"x/y:1\"}\non: pord: services: NAME: replicas: 1",
	"services: NAME: {image: \"x/y:1\"}\non: dev: services: NAME: replicas: \"1\"",
	"services: NAME: {image: \"x/y:1\"}\non: dev: on: dev: services: NAME: replicas: 1",
	"_std: replicas: 1\nservices: NAME: _std & {image: \"x/y:1\"}\non: dev: services: NAME: replicas: 2",
	"services: NAME: {image: \"x/y:1\"}\ndefaults: services: NAME: replicas: \"x\"",
	"services: NAME: {image: \"x/y:1\"}\ndefaults: services: NAME: replicsa: 1",
	"services: NAME: {image: \"x/y:1\"}\npolicies: NAME: require: services: NAME: replicas: >=1",
	"services: NAME: {image: \"x/y:1\"}\npolicies: NAME: {message: \"m\", require: services: NAME: replicas: >=2}",
	"services: NAME: {image: \"x/y:1\"}\npolicies: NAME: {message: \"m\", require: services: NAME: replcas: >=2}",
}

// everywhere are mistakes of one team that affect the components of all.
var everywhere = []string{
	"services: [=~\"[\"]: {}",
	"services: [string]: _|_",
	"services: _|_",
	"services: 1/0",
	"services: \"x\"",
	"services: [\"x\"]",
	"services: [string]: error(\"no\")",
	"for n, s in services {services: \"\\(n)-x\": s}",
	"services: {for n, s in services {\"\\(n)-x\": s}}",
	"services: \"\\(1/0)\": image: \"x/y:1\"",
	"_u: string\nservices: \"\\(_u)\": image: \"x/y:1\"",
	"_u: string\nservices: (_u): image: \"x/y:1\"",
	"_f: bool\nif _f {services: more: image: \"x/y:1\"}",
	"_f: bool\nservices: {if _f {more: image: \"x/y:1\"}}",
	"if nope {services: more: image: \"x/y:1\"}",
	"if 1/0 > 1 {services: more: image: \"x/y:1\"}",
	"services: matchN(1, [{web!: _}, {b!: _}])",
	"import \"struct\"\nservices: struct.MaxFields(0)",
	"services: or([])",
	"services: services & {x: services}",
	"services: nope",
	"services: [string]: nope",
	"services: [string]: [=~\"(\"]: _",
	"jobs: _|_",
	"backing: [=~\"[\"]: {}",
	"defaults: services: [string]: replicas: \"x\"",
	"defaults: services: [string]: 1/0",
	"defaults: nope",
	"policies: all: {message: \"m\", require: services: [string]: nope}",
	"on: dev: services: [=~\"[\"]: {}",
	"on: dev: nope",
	"on: dev: services: _|_",
}

// TestIndependence checks that the errors of one team are the same with and
// without any mistake of another team.
func TestIndependence(t *testing.T) {
	const usual = 300
	pairs := make([][2]int, 0, len(mistakes)*(len(mistakes)+len(everywhere)))
	for a := range mistakes {
		for b := range len(mistakes) + len(everywhere) {
			pairs = append(pairs, [2]int{a, b})
		}
	}
	random := rand.New(rand.NewPCG(7, 11))
	random.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	rounds := usual
	if asked, err := strconv.Atoi(os.Getenv("KCC_ROUNDS")); err == nil {
		rounds = asked
	}
	alone := map[int]string{}
	for _, pair := range pairs[:min(rounds, len(pairs))] {
		a, b := pair[0], pair[1]
		if _, known := alone[a]; !known {
			alone[a] = errorsOfA(twoTeams(mistakes[a], "services: NAME: image: \"b/b:1\""))
		}
		other := slices.Concat(mistakes, everywhere)[b]
		if together := errorsOfA(twoTeams(mistakes[a], other)); together != alone[a] {
			t.Errorf("a: %s\nb: %s\nwith it:\n%s\nwithout:\n%s", mistakes[a], other, together, alone[a])
		}
	}
	for a, text := range alone {
		if text == "" {
			t.Errorf("no error for %s", mistakes[a])
		}
	}
}

// twoTeams returns a system of two teams, whose components have names of their
// own.
func twoTeams(a, b string) *wire.Request {
	fragment := func(text, name string) string {
		return "package x\n\n" + strings.ReplaceAll(text, "NAME", name) + "\n"
	}
	return &wire.Request{
		Version: wire.Version, Op: wire.OpModel, Target: "dev", Targets: allTargets,
		Files: []wire.File{
			{Name: "kcc.cue", Text: "package x\n\nsystem: {name: \"x\", teams: {a: path: \"a\", b: path: \"b\"}}\n"},
			{Name: "a/a.cue", Text: fragment(a, "first"), Team: "a"},
			{Name: "a/b.cue", Text: fragment("_mine: string\nservices: sound: image: \"a/sound:1\"", ""), Team: "a"},
			{Name: "b/b.cue", Text: fragment(b, "second"), Team: "b"},
			{Name: "b/c.cue", Text: fragment("_foreign: \"x\"\nservices: whole: image: \"b/whole:1\"", ""), Team: "b"},
		},
	}
}

// errorsOfA returns the errors of team a.
func errorsOfA(req *wire.Request) string {
	var out strings.Builder
	for _, e := range answer(req).Errors {
		if len(e.Labels) == 0 || req.Files[min(e.Labels[0].File, len(req.Files)-1)].Team != "a" {
			continue
		}
		fmt.Fprintf(&out, "%s %s", e.Code(), strings.Join(e.Path, "."))
		for _, label := range e.Labels {
			if label.File >= len(req.Files) || req.Files[label.File].Team != "a" {
				continue
			}
			fmt.Fprintf(&out, " %d:%d-%d", label.File, label.Start, label.End)
		}
		out.WriteString("\n")
	}
	return out.String()
}
