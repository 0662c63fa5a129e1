package schema

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
)

// Parity has the verdicts of the engines on a path below a struct.
type Parity struct {
	// Path is relative to the struct; `*` stands for any name.
	Path string
	// Engines has the verdict of each engine that does not simply honour the path.
	Engines map[string]Verdict
}

// Verdict is how an engine treats a field that it does not simply honour.
type Verdict struct {
	// Verdict is one of `verdicts`.
	Verdict string `json:"verdict"`
	// Because explains it.
	Because string `json:"because"`
}

var (
	engines  = []string{"docker", "kubernetes"}
	verdicts = []string{"emulated", "dropped by nature", "dropped"}
)

// parity reads the body of a `@parity`: paths, and the verdict of an engine as in
// `docker="emulated: kcc runs it"`.
func (s *Schema) parity(body string) (all []Parity) {
	value := s.context.CompileString("value: _ @parity(" + body + ")")
	attribute := value.LookupPath(cue.ParsePath("value")).Attribute("parity")
	if err := attribute.Err(); err != nil {
		panic(fmt.Sprintf("@parity(%s): %v", body, err))
	}
	engineVerdicts := map[string]Verdict{}
	for argument := range attribute.Args(0) {
		if argument.Key == "" && argument.Value != "" {
			all = append(all, Parity{argument.Value, engineVerdicts})
			continue
		}
		verdict, because, _ := strings.Cut(argument.AsString(), ": ")
		if !slices.Contains(engines, argument.Key) || !slices.Contains(verdicts, verdict) || because == "" {
			panic(fmt.Sprintf("@parity(%s): write an engine and `VERDICT: REASON`", body))
		}
		engineVerdicts[argument.Key] = Verdict{verdict, because}
	}
	return all
}

// addParity adds statements, which replace those of an embedded definition.
func (s *Struct) addParity(all []Parity) {
	for _, parity := range all {
		known := slices.IndexFunc(s.Parity, func(other Parity) bool { return other.Path == parity.Path })
		if known >= 0 {
			s.Parity[known] = parity
		} else {
			s.Parity = append(s.Parity, parity)
		}
	}
}
