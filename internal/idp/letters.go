package idp

import "unicode"

// isLetterOrDigit reports whether r is a letter or digit of any script (Unicode L or N).
func isLetterOrDigit(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }
