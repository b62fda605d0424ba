package client

import "strings"

// nearMost is how many keys a message names: of ninety nobody finds theirs.
const nearMost = 12

// keysFor says which keys there are: all of them if they are few, otherwise those that look like the one that is none.
func keysFor(name string, known []string) string {
	if len(known) <= nearMost {
		return "The keys are " + strings.Join(known, ", ") + "."
	}
	name = strings.ToLower(strings.ReplaceAll(name, "-", "_"))
	var near []string
	for _, k := range known {
		if len(name) > 1 && (strings.Contains(k, name) || strings.Contains(name, k) || 3*commonBeginning(k, name) >= 2*len(name)) {
			near = append(near, k)
		}
	}
	const where = "docs/client-files.md has them all."
	switch {
	case len(near) == 0 || len(near) > nearMost:
		return where
	case len(near) == 1:
		return "Did you mean " + near[0] + "? " + where
	}
	last := len(near) - 1
	return "Did you mean " + strings.Join(near[:last], ", ") + " or " + near[last] + "? " + where
}

// commonBeginning returns how many bytes two words begin with alike.
func commonBeginning(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}
