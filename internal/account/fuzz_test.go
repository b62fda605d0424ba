package account

import (
	"bufio"
	"bytes"
	"errors"
	"strings"
	"testing"

	"idp/internal/idp"
)

// FuzzImportFile: whatever the file of an import is, each of its rows is a user or a fault that shows no password, and no more rows come out than lines
// went in.
func FuzzImportFile(f *testing.F) {
	f.Fuzz(func(t *testing.T, format string, file []byte) {
		text := bufio.NewReader(bytes.NewReader(file))
		found, err := formatOf(text, format)
		if err != nil {
			if !isInvalid(err) {
				t.Fatalf("format %q: %v, want a fault that names what to mend", format, err)
			}
			return
		}
		read := readNDJSON
		if found == FormatCSV {
			read = readCSV
		}
		rows := 0
		err = read(text, nil, func(r row) error {
			rows++
			if r.line < 1 {
				t.Errorf("a row stands in line %d", r.line)
			}
			if r.err != nil && !isInvalid(r.err) {
				t.Errorf("line %d: %v, want a fault that names what to mend", r.line, r.err)
			}
			if r.err != nil && len(r.user.Password) > 3 && strings.Contains(r.err.Error(), r.user.Password) {
				t.Errorf("line %d: the fault shows the password: %v", r.line, r.err)
			}
			return nil
		})
		if most := bytes.Count(file, []byte("\n")) + bytes.Count(file, []byte("\r")) + 1; rows > most {
			t.Errorf("%d rows of %d lines (%v)", rows, most, err)
		}
	})
}

// FuzzReadSeedFile: a seed file is users and clients, or faults; never both, never a panic.
func FuzzReadSeedFile(f *testing.F) {
	f.Fuzz(func(t *testing.T, file []byte) {
		seed, err := ReadSeedFile(bytes.NewReader(file))
		if (seed == nil) == (err == nil) {
			t.Fatalf("%v, %v: want one of them", seed, err)
		}
	})
}

func isInvalid(err error) bool {
	var known *idp.Error
	return errors.As(err, &known) && known.Kind == idp.Invalid
}
