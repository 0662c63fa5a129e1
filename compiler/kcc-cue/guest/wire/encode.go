package wire

import (
	"reflect"
	"strconv"
	"unicode/utf8"
)

// AppendResponse appends the response as JSON.
//
// It is written by hand because the tree of a thousand services has half a
// million parts, and encoding them by reflection would take longer than the
// evaluation.
func AppendResponse(b []byte, r *Response) []byte {
	b = append(b, `{"version":`...)
	b = strconv.AppendInt(b, Version, 10)
	if r.Schema != nil {
		b = append(b, `,"schema":[`...)
		for i, file := range r.Schema {
			b = comma(b, i)
			b = append(b, `{"name":`...)
			b = appendString(b, file.Name)
			b = append(b, `,"text":`...)
			b = appendString(b, file.Text)
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	if r.Tree != nil {
		b = append(b, `,"tree":`...)
		b = appendNode(b, r.Tree)
	}
	if len(r.Declarations) > 0 {
		b = append(b, `,"declarations":[`...)
		for i, declaration := range r.Declarations {
			b = comma(b, i)
			b = append(b, `{"path":`...)
			b = appendStrings(b, declaration.Path)
			b = append(b, `,"owners":`...)
			b = appendSpans(b, declaration.Owners)
			b = append(b, `,"others":`...)
			b = appendSpans(b, declaration.Others)
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	if len(r.Partial) > 0 {
		b = append(b, `,"partial":[`...)
		for i, file := range r.Partial {
			b = comma(b, i)
			b = appendInt(b, file)
		}
		b = append(b, ']')
	}
	b = appendExplained(b, r)
	if r.Formatted != nil {
		b = append(b, `,"formatted":[`...)
		for i, text := range r.Formatted {
			b = comma(b, i)
			if text == nil {
				b = append(b, "null"...)
			} else {
				b = appendString(b, *text)
			}
		}
		b = append(b, ']')
	}
	b = append(b, `,"errors":[`...)
	for i := range r.Errors {
		b = comma(b, i)
		b = appendFault(b, &r.Errors[i])
	}
	return append(b, "]}"...)
}

func appendNode(b []byte, n *Node) []byte {
	switch n.Kind {
	case Null:
		b = append(b, `{"v":null`...)
	case Bool:
		b = append(b, `{"v":`...)
		b = strconv.AppendBool(b, n.Bool)
	case Number:
		b = append(b, `{"v":`...)
		b = append(b, n.Text...)
	case String:
		b = append(b, `{"v":`...)
		b = appendString(b, n.Text)
	case Struct:
		b = append(b, `{"f":{`...)
		for i, field := range n.Fields {
			b = comma(b, i)
			b = appendString(b, field.Name)
			b = append(b, ':')
			b = appendNode(b, field.Node)
		}
		b = append(b, '}')
	case List:
		b = append(b, `{"e":[`...)
		for i, item := range n.Items {
			b = comma(b, i)
			b = appendNode(b, item)
		}
		b = append(b, ']')
	default:
		b = append(b, `{"absent":true`...)
	}
	if len(n.Origins) > 0 {
		b = append(b, `,"o":[`...)
		for i, origin := range n.Origins {
			b = comma(b, i)
			b = append(b, '[')
			b = appendSpan(b, origin.Span)
			b = append(b, ',')
			b = appendInt(b, int(origin.Role))
			if origin.By != origin.File {
				b = append(b, ',')
				b = appendInt(b, origin.By)
			}
			b = append(b, ']')
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func appendFault(b []byte, e *Fault) []byte {
	b = append(b, `{"code":`...)
	b = appendString(b, e.Code())
	b = append(b, `,"warning":`...)
	b = strconv.AppendBool(b, e.Warning)
	b = append(b, `,"path":`...)
	b = appendStrings(b, e.Path)
	b = append(b, `,"labels":[`...)
	for i, label := range e.Labels {
		b = comma(b, i)
		b = append(b, `{"file":`...)
		b = appendInt(b, label.File)
		b = append(b, `,"start":`...)
		b = appendInt(b, label.Start)
		b = append(b, `,"end":`...)
		b = appendInt(b, label.End)
		b = append(b, `,"role":`...)
		b = appendInt(b, int(label.Role))
		b = append(b, '}')
	}
	b = append(b, `],"args":`...)
	return append(appendArguments(b, reflect.ValueOf(e.Detail)), '}')
}

func appendSpans(b []byte, spans []Span) []byte {
	b = append(b, '[')
	for i, span := range spans {
		b = comma(b, i)
		b = append(b, '[')
		b = appendSpan(b, span)
		b = append(b, ']')
	}
	return append(b, ']')
}

func appendSpan(b []byte, span Span) []byte {
	b = appendInt(b, span.File)
	b = append(b, ',')
	b = appendInt(b, span.Start)
	b = append(b, ',')
	return appendInt(b, span.End)
}

func appendStrings(b []byte, texts []string) []byte {
	b = append(b, '[')
	for i, text := range texts {
		b = comma(b, i)
		b = appendString(b, text)
	}
	return append(b, ']')
}

func appendInt(b []byte, n int) []byte {
	return strconv.AppendInt(b, int64(n), 10)
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return b
}

const hexDigits = "0123456789abcdef"

// appendString quotes text as JSON. Invalid UTF-8 becomes U+FFFD.
func appendString(b []byte, text string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(b, text[from:i]...)
				b = append(b, "\ufffd"...)
				from = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, text[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		}
		i++
		from = i
	}
	b = append(b, text[from:]...)
	return append(b, '"')
}
