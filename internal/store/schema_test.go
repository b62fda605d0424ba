package store_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"idp/internal/store"
	"idp/internal/store/sqldb"
	"idp/internal/store/storetest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// list runs a query whose rows have one text column.
func list(t *testing.T, s *store.Store, sql string, args ...any) []string {
	t.Helper()
	rows, err := s.Engine().Query(t.Context(), sql, args...)
	must(t, err)
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		must(t, rows.Scan(&line))
		lines = append(lines, line)
	}
	must(t, rows.Err())
	return lines
}

// picture is how one engine is asked what it holds: each query gets a table's name and gives lines in the words of the golden.
type picture struct{ tables, columns, indexes, references string }

var pictures = map[string]picture{
	"sqlite": {
		tables: `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'goose%' ORDER BY name`,
		columns: `SELECT name || ' ' || lower(type) || CASE WHEN "notnull" = 1 OR pk > 0 THEN ' not null' ELSE '' END
			FROM pragma_table_info($1) ORDER BY cid`,
		indexes: `SELECT CASE l.origin WHEN 'pk' THEN 'primary key' ELSE l.name END || CASE WHEN l.origin <> 'pk' AND l."unique" = 1 THEN ' unique' ELSE '' END
				|| ' (' || (SELECT group_concat(i.name, ', ') FROM (SELECT name FROM pragma_index_info(l.name) ORDER BY seqno) i) || ')'
				|| CASE WHEN l.partial = 1 THEN ' partial' ELSE '' END
			FROM pragma_index_list($1) l ORDER BY 1`,
		references: `SELECT "from" || ' references ' || "table" || ' (' || "to" || ') on delete ' || lower(on_delete) FROM pragma_foreign_key_list($1) ORDER BY 1`,
	},
	"postgres": {
		tables: `SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'goose%' ORDER BY 1`,
		columns: `SELECT column_name || ' ' || CASE data_type WHEN 'timestamp with time zone' THEN 'timestamptz' ELSE data_type END
				|| CASE WHEN is_nullable = 'NO' THEN ' not null' ELSE '' END
			FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position`,
		indexes: `SELECT CASE WHEN i.indisprimary THEN 'primary key' ELSE c.relname::text END || CASE WHEN i.indisunique AND NOT i.indisprimary THEN ' unique' ELSE '' END
				|| ' (' || (SELECT string_agg(a.attname::text, ', ' ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY k(attnum, n)
					JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum) || ')'
				|| CASE WHEN i.indpred IS NOT NULL THEN ' partial' ELSE '' END
			FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class r ON r.oid = i.indrelid
			WHERE r.relname = $1 AND r.relnamespace = 'public'::regnamespace ORDER BY 1`,
		references: `SELECT a.attname || ' references ' || f.relname || ' (' || fa.attname || ') on delete '
				|| CASE k.confdeltype WHEN 'c' THEN 'cascade' WHEN 'a' THEN 'no action' ELSE k.confdeltype::text END
			FROM pg_constraint k JOIN pg_class r ON r.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
				JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] JOIN pg_attribute fa ON fa.attrelid = k.confrelid AND fa.attnum = k.confkey[1]
			WHERE k.contype = 'f' AND r.relname = $1 ORDER BY 1`,
	},
}

// Both engines hold the same tables, columns, indexes and references: one golden for two.
func TestSchema_IsTheGoldenOnBothEngines(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	p := pictures[s.Engine().Name()]
	var b strings.Builder
	for _, table := range list(t, s, p.tables) {
		fmt.Fprintf(&b, "%s\n", table)
		lines := list(t, s, p.columns, table)
		for _, part := range []string{p.indexes, p.references} {
			lines = slices.Concat(lines, slices.Sorted(slices.Values(list(t, s, part, table)))) // no two engines sort alike
		}
		for _, line := range lines {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	path := filepath.Join("testdata", "schema.golden")
	if *update {
		must(t, os.WriteFile(path, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if got := b.String(); got != string(want) {
		t.Errorf("the schema of %s is not the golden one; `make schema` rewrites it.\n%s", s.Engine().Name(), difference(got, string(want)))
	}
}

// difference lists the lines that only one of two texts has.
func difference(got, want string) string {
	count := map[string]int{}
	for _, l := range strings.Split(want, "\n") {
		count[l]--
	}
	for _, l := range strings.Split(got, "\n") {
		count[l]++
	}
	var b strings.Builder
	for l, n := range count {
		switch {
		case n > 0:
			fmt.Fprintf(&b, "got  %s\n", l)
		case n < 0:
			fmt.Fprintf(&b, "want %s\n", l)
		}
	}
	return b.String()
}

func TestMigrate_TwiceDoesNothing(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	applied, err := s.Migrate(t.Context())
	if err != nil || len(applied) != 0 {
		t.Errorf("got %v, %v, want nothing applied", applied, err)
	}
	states, err := s.MigrationStatus(t.Context())
	if err != nil || len(states) == 0 {
		t.Fatalf("got %v, %v", states, err)
	}
	for _, m := range states {
		if m.AppliedAt.IsZero() {
			t.Errorf("migration %s is pending", m.Name)
		}
	}
	must(t, s.RevokeAccessToken(t.Context(), "j", states[0].AppliedAt)) // the writer has its connection back
}

// Whoever puts an older program back on a database that a newer one has changed must hear of it before the first request does.
func TestMigrate_ADatabaseOfANewerProgramIsRefused(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	_, err := s.Engine().Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)`)
	must(t, err)
	if s.UpToDate(t.Context()) {
		t.Error("UpToDate: got true, want false")
	}
	var newer *sqldb.NewerError
	if _, err := s.Migrate(t.Context()); !errors.As(err, &newer) || newer.Database != 99 {
		t.Errorf("Migrate: got %v, want the newer version", err)
	}
	states, err := s.MigrationStatus(t.Context())
	if !errors.As(err, &newer) || len(states) == 0 {
		t.Errorf("MigrationStatus: got %v, %v, want what is known and the newer version", states, err)
	}
}

// A start asks with one read; only what is pending, or a database without a table of versions, is left to goose.
func TestMigrate_OneReadSaysThatNothingIsPending(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	ctx, n := sqldb.WithCounter(t.Context())
	if !s.UpToDate(ctx) || n.Trips() != 1 {
		t.Errorf("of a migrated database: %t in %d trips, want true in 1", s.UpToDate(t.Context()), n.Trips())
	}
	_, err := s.Engine().Exec(t.Context(), `DELETE FROM goose_db_version WHERE version_id = 1`)
	must(t, err)
	if s.UpToDate(t.Context()) {
		t.Error("with a migration missing: got true, want false")
	}
	_, err = s.Engine().Exec(t.Context(), `DROP TABLE goose_db_version`)
	must(t, err)
	if s.UpToDate(t.Context()) {
		t.Error("without a table of versions: got true, want false")
	}
}

// The order of text is the same on both engines, and whatever language a database was made for.
func TestSchema_TextIsComparedByteByByte(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	if s.Engine().Name() == "sqlite" {
		return // it knows nothing else
	}
	for _, other := range list(t, s, `SELECT table_name::text || '.' || column_name::text FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name NOT LIKE 'goose%' AND data_type = 'text' AND coalesce(collation_name, '') <> 'C'`) {
		t.Errorf("%s is compared by the rules of some language", other)
	}
}
