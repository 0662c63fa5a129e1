package syntax

import "strings"

// broken is the declaration of the root that an error lies in.
type broken struct {
	// start and end bound the declaration.
	start, end int
	// at and atEnd bound the place to show.
	at, atEnd int
	message   string
}

// findBroken looks for the declaration around an error. Fragments are
// formatted so that declarations of the root begin in the first column; where
// brackets are balanced up to the error, only lines outside of all brackets
// count as beginnings.
func findBroken(text []byte, err *syntaxError) broken {
	offset := min(err.offset, len(text))
	b := broken{at: offset, atEnd: wordEnd(text, offset), message: err.message}
	if strings.HasPrefix(err.message, "parsing experiments") {
		// The parser shows the package clause, the attribute is what is wrong.
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
		// A bracket is never closed: the parser only notices at the end.
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
	// starts are the lines that begin with something in the first column
	// which is no closing bracket, outside of strings, with the number of
	// brackets that are open there.
	starts []lineStart
	// open is the outermost bracket that is never closed; -1 if none is.
	open int
}

// scanLines is a reader of CUE's brackets, strings and comments that forgives
// everything.
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

// stringEnd is the offset after the string that begins at an offset; the
// offset itself if none begins there. A string that is not closed ends with
// its line. Interpolations are read over: their quotes pair up on their own
// in all but contrived cases, and this is for files with errors only.
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

// interpolationEnd is the offset after the bracket that closes the one at an
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

// wordEnd is the end of the word at an offset, at least one byte on.
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
