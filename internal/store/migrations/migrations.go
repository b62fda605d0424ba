// Package migrations holds the schema, forward only, one file for both engines unless NNNN_name.sqlite.sql or
// NNNN_name.postgres.sql overrides it.
package migrations

import (
	"embed"
	"io/fs"
	"regexp"
	"strings"
	"testing/fstest"
)

//go:embed *.sql
var files embed.FS

// For returns the migrations of one engine ("sqlite" or "postgres"): the shared files, each replaced by the engine's own
// where there is one.
func For(engine string) (fs.FS, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	chosen := fstest.MapFS{}
	for _, e := range entries {
		base := strings.TrimSuffix(e.Name(), ".sql")
		name, dialect := base, ""
		if i := strings.LastIndexByte(base, '.'); i >= 0 {
			name, dialect = base[:i], base[i+1:]
		}
		if dialect != "" && dialect != engine {
			continue
		}
		text, err := files.ReadFile(e.Name())
		if err != nil {
			return nil, err
		}
		if engine == "postgres" {
			text = collated(text)
		}
		if _, taken := chosen[name+".sql"]; !taken || dialect != "" {
			chosen[name+".sql"] = &fstest.MapFile{Data: text}
		}
	}
	return chosen, nil
}

// collated has every text of a table compared byte by byte, as SQLite does, whatever language the database was made for: that costs a third of a
// comparison by a language's rules, makes ranges of text mean the same everywhere, and no index is wrong after an upgrade of the system's libraries.
func collated(text []byte) []byte {
	return column.ReplaceAll(text, []byte(`${0} COLLATE "C"`))
}

var column = regexp.MustCompile(`(?m)(?:^  |ADD COLUMN )[a-z_]+ TEXT\b`)
