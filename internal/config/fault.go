package config

import (
	"fmt"
	"strings"
)

// Fault is one thing wrong with the configuration.
type Fault struct {
	Key    string // the setting, or the name that is none
	Origin string // "idp.yaml:7", "environment variable IDP_LISTEN", "flag --listen", "default"
	Cause  string // a sentence for people, and the mend
}

// Error returns one line: the key, where its value came from, the cause and the mend.
func (f *Fault) Error() string { return fmt.Sprintf("%s (%s): %s", f.Key, f.Origin, f.Cause) }

// Faults is all that is wrong with a configuration. It is an error unless it is empty.
type Faults []*Fault

// Error returns a line for each fault.
func (fs Faults) Error() string {
	lines := make([]string, 0, len(fs)+1)
	if n := len(fs); n > 1 {
		lines = append(lines, fmt.Sprintf("the configuration has %d faults:", n))
	} else {
		lines = append(lines, "the configuration has a fault:")
	}
	for _, f := range fs {
		lines = append(lines, "  "+f.Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes each fault visible to errors.As.
func (fs Faults) Unwrap() []error {
	errs := make([]error, len(fs))
	for i, f := range fs {
		errs[i] = f
	}
	return errs
}

func (fs *Faults) add(key, origin, format string, args ...any) {
	*fs = append(*fs, &Fault{Key: key, Origin: origin, Cause: fmt.Sprintf(format, args...)})
}

func (fs Faults) err() error {
	if len(fs) == 0 {
		return nil
	}
	return fs
}

// didYouMean returns " Did you mean X?" for the known name nearest to name, or nothing if none is near.
func didYouMean(name string, known []string) string {
	best, bestDistance := "", len(name)/3+2
	for _, k := range known {
		if d := editDistance(name, k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %s?", best)
}

// editDistance is Levenshtein's, over at most the first 64 bytes of each.
func editDistance(a, b string) int {
	a, b = a[:min(len(a), 64)], b[:min(len(b), 64)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
