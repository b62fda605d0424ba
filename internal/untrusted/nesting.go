package untrusted

// nested reports whether brackets in a JSON text stand in one another more than so many levels deep, without decoding it: an outsider's text is
// bounded before anything is read. Of a text that is no JSON the answer may be anything.
func nested(text []byte, most int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > most {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
