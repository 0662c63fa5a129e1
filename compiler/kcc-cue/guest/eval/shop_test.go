package eval_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kcc.dev/evaluator/wire"
)

var shopTargets = []string{"dev", "test", "stage", "prod"}

// shop returns the example with three teams.
func shop(t testing.TB, target string) *wire.Request {
	t.Helper()
	root := "../../../../examples/shop"
	req := &wire.Request{Version: wire.Version, Op: wire.OpModel, Target: target, Targets: shopTargets}
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".cue" {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		team, _ := strings.CutPrefix(filepath.Dir(name), "teams/")
		if team == "." {
			team = ""
		}
		req.Files = append(req.Files, wire.File{Name: filepath.ToSlash(name), Text: string(text), Team: team})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestShopEvaluatesForEachTarget(t *testing.T) {
	type want struct{ path, dev, prod string }
	wanted := []want{
		{"services.web.replicas", "1", "2"},
		{"services.payments.replicas", "1", "3"},
		{"services.web.port", "8080", "8080"},
		{"services.web.ports.http.number", "8080", "8080"},
		{"services.web.ports.http.protocol", `"TCP"`, `"TCP"`},
		{"services.web.ports.http.expose", "8080", "none"},
		{"services.web.resources.memory", `"32Mi"`, `"64Mi"`},
		{"services.payments.resources.memory", `"64Mi"`, `"64Mi"`},
		{"services.checkout.env.DATABASE_URL.output", `"url"`, `"url"`},
		{"services.cart.needs.carts.optional", "false", "false"},
		{"jobs.migrate.retries", "5", "5"},
		{"backing.carts.component.image", `"redis:7"`, `"redis:7"`},
		{"backing.carts.outputs.url", `"redis://$(host):$(port)"`, `"redis://$(host):$(port)"`},
		{"backing.orders.component.image", `"postgres:16"`, `"postgres:16"`},
		{"backing.orders.component.volumes.data.size", `"1Gi"`, `"1Gi"`},
		{"backing.orders.outputs.password.secret", `"orders-password"`, `"orders-password"`},
		{"secrets.stripe-key.kubernetes.name", "none", `"stripe"`},
		{"target", `"dev"`, `"prod"`},
	}
	for _, target := range shopTargets {
		req := shop(t, target)
		resp := answer(req)
		if text := describe(req, resp); text != "" {
			t.Errorf("%s:\n%s", target, text)
		}
		for _, w := range wanted {
			value := map[string]string{"dev": w.dev, "prod": w.prod}[target]
			if got := show(t, req, resp, w.path, false); value != "" && strings.TrimSpace(got) != value {
				t.Errorf("%s in %s is %s, want %s", w.path, target, got, value)
			}
		}
		var components []string
		for _, d := range resp.Declarations {
			if len(d.Owners) != 1 {
				t.Errorf("%v has %d owners in %s", d.Path, len(d.Owners), target)
			}
			components = append(components, strings.Join(d.Path, "."))
		}
		slices.Sort(components)
		all := "backing.carts backing.orders jobs.migrate services.cart services.checkout services.payments services.web"
		if got := strings.Join(components, " "); got != all {
			t.Errorf("the components of %s are %s", target, got)
		}
	}
}

// TestFileOrderDoesNotMatter evaluates the shop and every case with shuffled
// files.
func TestFileOrderDoesNotMatter(t *testing.T) {
	check := func(name string, req *wire.Request) {
		want := sorted(t, req)
		random := rand.New(rand.NewPCG(1, 2))
		for range 3 {
			shuffled := *req
			shuffled.Files = slices.Clone(req.Files)
			shuffled.Packages = nil
			for _, pkg := range req.Packages {
				pkg.Files = slices.Clone(pkg.Files)
				shuffled.Packages = append(shuffled.Packages, pkg)
			}
			random.Shuffle(len(shuffled.Files), func(i, j int) {
				shuffled.Files[i], shuffled.Files[j] = shuffled.Files[j], shuffled.Files[i]
				for _, pkg := range shuffled.Packages {
					for at, file := range pkg.Files {
						switch file {
						case i:
							pkg.Files[at] = j
						case j:
							pkg.Files[at] = i
						}
					}
				}
			})
			if got := sorted(t, &shuffled); got != want {
				t.Errorf("%s: the order of files matters:\n%s\nwant:\n%s", name, got, want)
				return
			}
		}
	}
	check("shop", shop(t, "prod"))
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, sections := readCase(string(text))
		check(file, request("dev", sections))
	}
}

// sorted renders an answer independently of the order of files, which determines
// that of spans.
func sorted(t *testing.T, req *wire.Request) string {
	resp := answer(req)
	var all []string
	for _, e := range resp.Errors {
		lines := strings.Split(strings.TrimSpace(describe(req, &wire.Response{Errors: []wire.Fault{e}})), "\n")
		slices.Sort(lines[1:])
		all = append(all, strings.Join(lines, "\n"))
	}
	var block []string
	for line := range strings.Lines(show(t, req, resp, ".", true)) {
		if !strings.HasPrefix(line, "  ") {
			slices.Sort(block)
			all = append(all, strings.Join(block, ""))
			block = nil
		}
		block = append(block, line)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// TestEvaluationIsDeterministic evaluates everything several times.
func TestEvaluationIsDeterministic(t *testing.T) {
	for _, target := range shopTargets {
		first := string(wire.AppendResponse(nil, answer(shop(t, target))))
		for range 3 {
			if again := string(wire.AppendResponse(nil, answer(shop(t, target)))); again != first {
				t.Errorf("two evaluations for %s differ", target)
			}
		}
	}
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		_, sections := readCase(string(text))
		first := string(wire.AppendResponse(nil, answer(request("dev", sections))))
		for range 5 {
			if again := string(wire.AppendResponse(nil, answer(request("dev", sections)))); again != first {
				t.Errorf("two evaluations of %s differ", file)
			}
		}
	}
}
