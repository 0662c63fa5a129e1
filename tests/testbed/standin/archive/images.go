package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// part is what a stand-in is told about its image; ../main.go reads it.
type part struct {
	Ports, Once, Checks []string
	// What it does before it serves.
	Start json.RawMessage `json:",omitempty"`
	// What is known of the real image; none if nothing is.
	facts *facts
	// Commands that go on; for telling the others from them.
	serves []string
	// Names that it is called by.
	names []string
}

// images are parts by the image's reference.
type images map[string]*part

// scope is what the surroundings of a container say about it.
type scope struct {
	ports []string
	once  bool
}

// find goes through a piece of a model: wherever something has an image, it is
// a container, however deep it stands.
func (i images) find(value any, in scope) {
	fields, ok := value.(map[string]any)
	if !ok {
		return
	}
	// The ports of sidecars, by the sidecar.
	beside := map[string][]string{}
	if ports, ok := fields["ports"].(map[string]any); ok {
		in.ports = nil
		for _, port := range ports {
			port, ok := port.(map[string]any)
			if !ok {
				continue
			}
			number := fmt.Sprintf("%v/%v", port["number"], port["protocol"])
			if sidecar, ok := port["sidecar"].(string); ok {
				beside[sidecar] = append(beside[sidecar], number)
			} else {
				in.ports = append(in.ports, number)
			}
		}
	}
	// "service", or {"job": …} with what only a job has.
	if kind, ok := fields["kind"].(map[string]any); ok {
		in.once = kind["job"] != nil || kind["cronJob"] != nil
	}
	if image, ok := fields["image"].(map[string]any); ok {
		if reference, ok := image["reference"].(string); ok {
			i.add(reference, fields, in)
		}
	}
	for name, field := range fields {
		switch name {
		case "init":
			i.each(field, scope{once: true})
		case "sidecars":
			sidecars, _ := field.(map[string]any)
			for name, sidecar := range sidecars {
				i.find(sidecar, scope{ports: beside[name]})
			}
		default:
			i.find(field, in)
		}
	}
}

// each goes through what is kept by name or in order.
func (i images) each(values any, in scope) {
	switch values := values.(type) {
	case map[string]any:
		for _, value := range values {
			i.find(value, in)
		}
	case []any:
		for _, value := range values {
			i.find(value, in)
		}
	}
}

func (i images) add(reference string, container map[string]any, in scope) {
	p := i[reference]
	if p == nil {
		p = &part{Ports: []string{}, Once: []string{}, Checks: []string{}}
		i[reference] = p
	}
	command, args := words(container["command"]), words(container["args"])
	if len(command) > 0 {
		p.names = append(p.names, command[0])
	}
	begins := beginning(slices.Concat(command, args))
	if in.once {
		p.Once = append(p.Once, begins)
	} else {
		p.serves = append(p.serves, begins)
		p.Ports = append(p.Ports, in.ports...)
	}
	p.checks(container["health"])
}

// checks finds the commands of probes.
func (p *part) checks(health any) {
	fields, _ := health.(map[string]any)
	for name, field := range fields {
		if name == "exec" {
			command := words(field)
			if inner, ok := field.(map[string]any); ok {
				command = words(inner["command"])
			}
			if len(command) > 0 {
				p.names = append(p.names, command[0])
				p.Checks = append(p.Checks, beginning(command))
			}
		} else {
			p.checks(field)
		}
	}
}

// settle sorts everything, and refuses what a stand-in could not tell apart.
func (i images) settle() error {
	for reference, p := range i {
		for _, list := range []*[]string{&p.Ports, &p.Once, &p.Checks, &p.serves, &p.names} {
			slices.Sort(*list)
			*list = slices.Compact(*list)
		}
		for _, once := range p.Once {
			if slices.Contains(p.serves, once) {
				return fmt.Errorf("%s begins with %q both where it ends and where it goes on", reference, once)
			}
		}
	}
	return nil
}

// describe adds what is known of the real images.
func (i images) describe() error {
	all, err := readFacts()
	if err != nil {
		return err
	}
	for reference, p := range i {
		if facts, ok := all[repository(reference)]; ok {
			p.facts, p.Start = &facts, facts.Start
		}
	}
	return nil
}

func (i images) references() []string { return slices.Sorted(maps.Keys(i)) }

// beginning is how a command begins; what follows may hold values that are
// known at run time only.
func beginning(command []string) string {
	return strings.Join(command[:min(2, len(command))], " ")
}

func words(value any) []string {
	var found []string
	list, _ := value.([]any)
	for _, word := range list {
		switch word := word.(type) {
		case string:
			found = append(found, word)
		default:
			// Put together at run time.
			found = append(found, fmt.Sprint(word))
		}
	}
	return found
}
