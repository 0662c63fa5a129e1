// Package serve answers requests. The wasm exports and the native program share
// it.
package serve

import (
	"fmt"

	"kcc.dev/evaluator/eval"
	"kcc.dev/evaluator/syntax"
	"kcc.dev/evaluator/wire"
)

// maxPanic bounds how much of a panic's message reaches the host.
const maxPanic = 2000

// Run answers one request. It never panics: a bug becomes an error with the code
// `internal`.
func Run(text []byte) []byte {
	return wire.AppendResponse(nil, answer(text))
}

// Warm does once what every request needs, so that the snapshot contains it.
func Warm() {
	eval.Warm()
}

func answer(text []byte) (resp *wire.Response) {
	defer func() {
		if cause := recover(); cause != nil {
			message := fmt.Sprint(cause)
			if len(message) > maxPanic {
				message = message[:maxPanic]
			}
			resp = failed(wire.Internal{Message: message})
		}
	}()
	req, err := wire.ParseRequest(text)
	if err != nil {
		return failed(wire.Protocol{Message: err.Error()})
	}
	switch req.Op {
	case wire.OpSchema:
		return &wire.Response{Schema: eval.Schema()}
	case wire.OpSystem:
		return eval.System(req, syntax.PrepareSystem(req))
	case wire.OpModel:
		return eval.Model(req, syntax.Prepare(req))
	case wire.OpFormat:
		return syntax.Format(req)
	default:
		return failed(wire.Protocol{Message: fmt.Sprintf("unknown operation %q", req.Op)})
	}
}

func failed(why wire.Detail) *wire.Response {
	return &wire.Response{Errors: []wire.Fault{{Detail: why}}}
}
