package syntax

import "slices"

// alternatives are fields that exclude each other: an overlay that writes one set
// removes the others from the base. A `*` in the path matches any name.
type alternatives struct {
	path []string
	sets [][]string
}

var (
	probes    = [][]string{{"http"}, {"tcp"}, {"grpc"}, {"exec"}}
	envForms  = [][]string{{"secret"}, {"config", "key"}, {"from", "output"}}
	fileForms = [][]string{{"content"}, {"source"}, {"from", "output"}}
	volumes   = [][]string{{"size", "access", "class"}, {"ephemeral"}, {"config"}, {"secret"}, {"hostPath"}}
	images    = [][]string{{"image"}, {"build"}}
	budgets   = [][]string{{"minAvailable"}, {"maxUnavailable"}}
)

// allAlternatives lists the alternatives for each kind of component.
var allAlternatives = func() []alternatives {
	all := []alternatives{
		{[]string{"secrets", "*"}, [][]string{
			{"generate"}, {"env"}, {"file"}, {"command"}, {"sops"}, {"kubernetes"}, {"external"},
		}},
		{[]string{"backing", "*"}, [][]string{{"external"}, {"version", "size", "class", "resources"}}},
	}
	for _, root := range []string{"services", "jobs", "cronJobs"} {
		for _, at := range [][]string{{root, "*"}, {root, "*", "init", "*"}, {root, "*", "sidecars", "*"}} {
			below := func(names ...string) []string { return append(slices.Clone(at), names...) }
			all = append(all,
				alternatives{at, images},
				alternatives{at, [][]string{{"replicas"}, {"scale"}, {"everyNode"}}},
				alternatives{below("env", "*"), envForms},
				alternatives{below("disruption"), budgets},
				alternatives{below("files", "*"), fileForms},
				alternatives{below("volumes", "*"), volumes},
				alternatives{below("health"), append(slices.Clone(probes), []string{"startup", "readiness", "liveness"})},
			)
			for _, probe := range []string{"startup", "readiness", "liveness"} {
				all = append(all, alternatives{below("health", probe), probes})
			}
		}
	}
	return all
}()

// excludes reports whether the overlay chose an alternative to a field of the
// struct at path.
func (d *override) excludes(path []string, name string) bool {
	for _, group := range allAlternatives {
		if !matches(group.path, path) {
			continue
		}
		own := slices.IndexFunc(group.sets, func(set []string) bool { return slices.Contains(set, name) })
		if own < 0 {
			continue
		}
		for i, set := range group.sets {
			if i != own && slices.ContainsFunc(set, func(other string) bool { return d.fields[other].given() }) {
				return true
			}
		}
	}
	return false
}

func matches(pattern, path []string) bool {
	return slices.EqualFunc(pattern, path, func(want, name string) bool { return want == "*" || want == name })
}

// joinSpellings makes the short and the long spelling of a field replace each
// other.
func (d *override) joinSpellings(path []string) {
	for name, child := range d.fields {
		child.joinSpellings(append(path[:len(path):len(path)], name))
	}
	if len(path) != 2 && (len(path) != 4 || path[2] != "sidecars") {
		return
	}
	if d.fields["port"].given() {
		d.field("ports").field("http").field("number").value = true
	} else if d.at("ports", "http", "number").given() {
		d.field("port").value = true
	}
	resources := d.at("resources")
	if resources == nil {
		return
	}
	if resources.at("memory").given() {
		resources.field("requests").field("memory").value = true
		resources.field("limits").field("memory").value = true
	} else if resources.at("requests", "memory").given() && resources.at("limits", "memory").given() {
		resources.field("memory").value = true
	}
	// The short `cpu` stands for a request, not for a limit.
	if resources.at("cpu").given() {
		resources.field("requests").field("cpu").value = true
	} else if resources.at("requests", "cpu").given() {
		resources.field("cpu").value = true
	}
}

// at returns what the overlay writes below, or nil.
func (d *override) at(names ...string) *override {
	for _, name := range names {
		if d == nil {
			return nil
		}
		d = d.fields[name]
	}
	return d
}

// halved returns which half of the base's short `memory` an overlay replaces by
// writing only one of the long spellings, and which half is left.
func (d *override) halved(path []string, name string) (taken, left string, ok bool) {
	if name != "memory" || len(path) == 0 || path[len(path)-1] != "resources" || d.fields[name].given() {
		return "", "", false
	}
	if d.at("requests", "memory").given() {
		return "requests", "limits", true
	}
	return "limits", "requests", d.at("limits", "memory").given()
}
