package syntax

import (
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/wire"
)

func prepare(req *wire.Request) *Prepared {
	p := &Prepared{places: map[*token.File]int{}, private: map[string]string{}}
	for index, file := range req.Files {
		parsed, err := parser.ParseFile(file.Name, file.Text, parser.ParseComments)
		if err != nil || parsed == nil {
			p.Partial = append(p.Partial, index)
			continue
		}
		p.places[parsed.Pos().File()] = index
		p.Files = append(p.Files, &File{Index: index, Team: file.Team, AST: parsed})
	}
	return p
}
