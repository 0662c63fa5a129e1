package wire

import "strconv"

// appendExplained appends the policies, the matched names and the annotations.
func appendExplained(b []byte, r *Response) []byte {
	if len(r.Explained) > 0 {
		b = append(b, `,"explained":[`...)
		for i := range r.Explained {
			b = comma(b, i)
			b = appendAnnotation(b, &r.Explained[i])
		}
		b = append(b, ']')
	}
	if len(r.Matched) > 0 {
		b = append(b, `,"matched":[`...)
		for i, match := range r.Matched {
			b = comma(b, i)
			b = append(b, '[')
			b = appendSpan(b, match.Span)
			b = append(b, ',')
			b = appendString(b, match.Name)
			b = append(b, ']')
		}
		b = append(b, ']')
	}
	if len(r.Policies) > 0 {
		b = append(b, `,"policies":[`...)
		for i, policy := range r.Policies {
			b = comma(b, i)
			b = append(b, `{"name":`...)
			b = appendString(b, policy.Name)
			b = append(b, `,"message":`...)
			b = appendString(b, policy.Message)
			b = append(b, `,"label":[`...)
			b = appendSpan(b, policy.Label)
			b = append(b, `],"by":`...)
			b = appendInt(b, policy.By)
			b = append(b, `,"requires":[`...)
			for i, required := range policy.Requires {
				b = comma(b, i)
				b = append(b, `{"path":`...)
				b = appendStrings(b, required.Path)
				b = append(b, `,"line":[`...)
				b = appendSpan(b, required.Span)
				b = append(b, ']', '}')
			}
			b = append(b, ']', '}')
		}
		b = append(b, ']')
	}
	return b
}

func appendAnnotation(b []byte, e *Explained) []byte {
	b = append(b, `{"path":`...)
	b = appendStrings(b, e.Path)
	if e.Schema != nil {
		b = append(b, `,"schema":[`...)
		b = appendSpan(b, *e.Schema)
		b = append(b, ']')
	}
	if len(e.Defaults) > 0 {
		b = append(b, `,"defaults":[`...)
		for i, line := range e.Defaults {
			b = comma(b, i)
			b = append(b, `{"line":`...)
			b = appendLine(b, line.Origin)
			b = append(b, `,"own":`...)
			b = strconv.AppendBool(b, line.Own)
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	if len(e.Overridden) > 0 {
		b = append(b, `,"replaced":[`...)
		for i, line := range e.Overridden {
			b = comma(b, i)
			b = appendLine(b, line)
		}
		b = append(b, ']')
	}
	if len(e.Policies) > 0 {
		b = append(b, `,"policies":[`...)
		for i, line := range e.Policies {
			b = comma(b, i)
			b = append(b, '[')
			b = appendInt(b, line.Policy)
			b = append(b, ',')
			b = appendSpan(b, line.Span)
			b = append(b, ']')
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func appendLine(b []byte, line Origin) []byte {
	b = append(b, '[')
	b = appendSpan(b, line.Span)
	b = append(b, ',')
	b = appendInt(b, int(line.Role))
	b = append(b, ',')
	b = appendInt(b, line.By)
	return append(b, ']')
}
