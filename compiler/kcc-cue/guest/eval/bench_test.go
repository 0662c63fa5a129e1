package eval_test

import (
	"fmt"
	"strings"
	"testing"

	"kcc.dev/evaluator/wire"
)

// generated returns a system of twenty teams and the given number of services,
// each of which needs the next. More text is added to the platform's fragment.
func generated(services int, more ...string) *wire.Request {
	req := &wire.Request{Version: wire.Version, Op: wire.OpModel, Target: "prod", Targets: allTargets}
	req.Files = append(req.Files, wire.File{Name: "kcc.cue", Text: `package big

system: name: "big"

_app: {
	build: context: "app"
	port: 8080
	health: http: "/healthz"
	...
}
`})
	for i := range services {
		text := strings.NewReplacer("$N", fmt.Sprint(i), "$M", fmt.Sprint((i+1)%services)).Replace(`package big

services: s$N: _app & {
	args: ["serve", "--call", "$(S$M_URL)"]
	needs: s$M: {}
	env: {GREETING: "welcome", LOG: "info", KEY: secret: "key"}
	routes: shop: host: "s$N.example.com"
	volumes: data: {mount: "/data", size: "1Gi"}
}
on: prod: services: s$N: replicas: 2
`)
		team := fmt.Sprintf("t%02d", i%20)
		req.Files = append(req.Files, wire.File{Name: fmt.Sprintf("teams/%s/s%d.cue", team, i), Text: text, Team: team})
	}
	platform := `package big

policies: two: {message: "m", on: ["prod"], require: services: [string]: replicas: >=2}
policies: memory: {message: "m", require: services: [string]: resources!: memory!: string}
defaults: services: [string]: resources: memory: "64Mi"
secrets: key: {}
` + strings.Join(more, "")
	req.Files = append(req.Files, wire.File{Name: "teams/platform/p.cue", Team: "platform", Text: platform})
	return req
}

func BenchmarkThousandServices(b *testing.B) {
	many := strings.Builder{}
	for i := range 50 {
		fmt.Fprintf(&many, "policies: p%d: {message: \"m\", require: services: [string]: env: LOG: !=\"x%d\"}\n", i, i)
	}
	referring := strings.Builder{}
	for i := range 100 {
		fmt.Fprintf(&referring, "services: s%d: labels: mem: services.s%d.resources.memory\n", i, i+1)
	}
	for name, more := range map[string]string{
		"plain":             "",
		"references":        referring.String(),
		"many policies":     many.String(),
		"violated policies": "policies: five: {message: \"m\", require: services: [string]: replicas: >=5}\n",
		"conflicts":         "services: [string]: port: 9090\n",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				answer(generated(1000, more))
			}
		})
	}
}
