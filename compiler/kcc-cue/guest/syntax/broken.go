package syntax

import "strings"

// broken is the root declaration that contains a syntax error.
type broken struct {
	// start and end bound the declaration.
	start, end int
	// at and atEnd bound the span to show.
	at, atEnd int
	message   string
}

// findBroken finds the declaration around an error. Fragments are formatted, so
// root declarations begin in the first column; as long as brackets are balanced
// up to the error, only lines outside all brackets count as beginnings.
func findBroken(text []byte, err *syntaxError) broken {
	offset := min(err.offset, len(text))
	b := broken{at: offset, atEnd: wordEnd(text, offset), message: err.message}
	if strings.HasPrefix(err.message, "parsing experiments") {
		// The parser points at the package clause, but the attribute is the
		// mistake.
		if at := strings.Index(string(text), "@experiment"); at >= 0 {
			offset, b.at = at, at
			b.atEnd = lineEnd(text, at)
		}
	}
	if strings.HasPrefix(err.message, "expected 'EOF', found") && offset < len(text) && strings.IndexByte("}])", text[offset]) >= 0 {
		b.start, b.end = offset, offset+1
		b.atEnd = b.end
		b.message = "`" + string(text[offset:b.end]) + "` closes nothing"
		return b
	}
	lines := scanLines(text)
	if lines.open >= 0 && strings.TrimSpace(string(text[offset:])) == "" {
		// A bracket is never closed; the parser only notices at the end.
		offset = lines.open
		b.at, b.atEnd = offset, offset+1
		b.message = "`" + string(text[offset:offset+1]) + "` is never closed"
	}
	for _, line := range lines.starts {
		if line.offset <= offset && line.depth == 0 {
			b.start = line.offset
		}
	}
	b.end = len(text)
	for _, line := range lines.starts {
		if line.offset > offset {
			b.end = line.offset
			break
		}
	}
	return b
}

type lineStart struct {
	offset, depth int
}

type lineScan struct {
	// starts has the lines outside strings whose first column is neither blank
	// nor a closing bracket, with the number of brackets open there.
	starts []lineStart
	// open is the outermost bracket that is never closed, or -1.
	open int
}

// scanLines scans CUE's brackets, strings and comments, tolerating any error.
func scanLines(text []byte) lineScan {
	s := lineScan{open: -1}
	var open []int
	for i := 0; i < len(text); {
		c := text[i]
		if (i == 0 || text[i-1] == '\n') && !strings.ContainsRune(" \t\r\n}]),/", rune(c)) {
			s.starts = append(s.starts, lineStart{i, len(open)})
		}
		switch c {
		case '{', '[', '(':
			open = append(open, i)
		case '}', ']', ')':
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		case '/':
			if i+1 < len(text) && text[i+1] == '/' {
				i = lineEnd(text, i)
				continue
			}
		case '"', '\'', '#':
			if end := stringEnd(text, i); end > i {
				i = end
				continue
			}
		}
		i++
	}
	if len(open) > 0 {
		s.open = open[0]
	}
	return s
}

// stringEnd returns the offset after the string that begins at an offset, or the
// offset itself if none does. An unterminated string ends with its line. Quotes
// inside interpolations are assumed to pair up; this is only used for files with
// errors.
func stringEnd(text []byte, at int) int {
	i := at
	for i < len(text) && text[i] == '#' {
		i++
	}
	if i == len(text) || text[i] != '"' && text[i] != '\'' {
		return at
	}
	hashes, quote := strings.Repeat("#", i-at), string(text[i:i+1])
	many := strings.Repeat(quote, 3)
	rest := string(text[i:])
	if strings.HasPrefix(rest, many) {
		if end := strings.Index(rest[3:], many+hashes); end >= 0 {
			return i + 3 + end + 3 + len(hashes)
		}
		return len(text)
	}
	escape := `\` + hashes
	for i++; i < len(text) && text[i] != '\n'; i++ {
		rest := string(text[i:min(i+len(escape)+1, len(text))])
		switch {
		case rest == escape+"(":
			i = interpolationEnd(text, i+len(escape)) - 1
		case strings.HasPrefix(rest, escape):
			i += len(escape)
		case strings.HasPrefix(rest, quote+hashes):
			return i + 1 + len(hashes)
		}
	}
	return min(i, len(text))
}

// interpolationEnd returns the offset after the bracket that closes the one at an
// offset, or the end of the line.
func interpolationEnd(text []byte, at int) int {
	depth := 0
	for i := at; i < len(text) && text[i] != '\n'; {
		switch text[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
			if depth == 0 {
				return i + 1
			}
		case '"', '\'', '#':
			if end := stringEnd(text, i); end > i {
				i = end
				continue
			}
		}
		i++
	}
	return lineEnd(text, at)
}

func lineEnd(text []byte, at int) int {
	for at < len(text) && text[at] != '\n' {
		at++
	}
	return at
}

// wordEnd returns the end of the word at an offset, at least one byte further on.
func wordEnd(text []byte, at int) int {
	if end := stringEnd(text, at); end > at {
		return end
	}
	end := at
	for end < len(text) && strings.IndexByte(" \t\r\n{}[](),:\"'", text[end]) < 0 {
		end++
	}
	if end == at && at < len(text) && text[at] != '\n' {
		end++
	}
	return end
}
