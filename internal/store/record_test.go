package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"idp/internal/store/sqldb"
)

// explainer asks the engine about every statement before it runs it: how it would be run, and on PostgreSQL how many pages that reads.
type explainer struct {
	sqldb.Engine
	t *testing.T

	mu   sync.Mutex
	work string             // what the test does now
	seen map[string]*course // by the statement's text
}

// course is how a statement is run, the worst of all its runs.
type course struct {
	work   string
	faults map[string]string // what it may not do → the plan that does it
	pages  int
	plan   string // of the run with the most pages
}

func (e *explainer) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	e.explain(ctx, sql, args)
	return e.Engine.Exec(ctx, sql, args...)
}

func (e *explainer) Query(ctx context.Context, sql string, args ...any) (sqldb.Rows, error) {
	e.explain(ctx, sql, args)
	return e.Engine.Query(ctx, sql, args...)
}

func (e *explainer) QueryRow(ctx context.Context, sql string, args ...any) sqldb.Row {
	e.explain(ctx, sql, args)
	return e.Engine.QueryRow(ctx, sql, args...)
}

// inside marks a context whose transaction the caller began.
type inside struct{}

func (e *explainer) InTx(ctx context.Context, fn func(ctx context.Context) error) error {
	return e.Engine.InTx(ctx, func(ctx context.Context) error { return fn(context.WithValue(ctx, inside{}, true)) })
}

func (e *explainer) explain(ctx context.Context, sql string, args []any) {
	e.mu.Lock()
	c := e.seen[sql]
	if c == nil {
		c = &course{work: e.work, faults: map[string]string{}}
		e.seen[sql] = c
	}
	e.mu.Unlock()
	if strings.Contains(sql, "pg_notify") {
		return
	}
	if e.Name() == "sqlite" {
		e.explainSQLite(ctx, c, sql, args)
		return
	}
	e.explainPostgres(ctx, c, sql, args)
}

// scanned is a whole table, or a whole index, in SQLite's words; a sort is a temporary tree.
var scanned = regexp.MustCompile(`^SCAN ([a-z_]+)`)

func (e *explainer) explainSQLite(ctx context.Context, c *course, sql string, args []any) {
	e.t.Helper()
	rows, err := e.Engine.Query(ctx, `EXPLAIN QUERY PLAN `+sql, args...)
	if err != nil {
		e.t.Fatalf("explain %s: %v", sql, err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var id, parent, unused int64
		var line string
		must(e.t, rows.Scan(&id, &parent, &unused, &line))
		lines = append(lines, line)
	}
	must(e.t, rows.Err())
	c.plan = strings.Join(lines, "\n")
	for _, line := range lines {
		if strings.Contains(line, "TEMP B-TREE") {
			c.faults["sorts "+ofTable(sql)] = c.plan
		}
		if table := scanned.FindStringSubmatch(line); table != nil {
			c.faults["scans "+unaliased(sql, table[1])] = c.plan
		}
	}
}

// unaliased returns the table that a statement calls so.
func unaliased(sql, name string) string {
	if found := regexp.MustCompile(`([a-z_]+) AS ` + name + `\b`).FindStringSubmatch(sql); found != nil {
		return found[1]
	}
	return name
}

var errUndo = errors.New("undone on purpose")

// explainPostgres runs the statement and undoes it, as planned for these values and as planned for any: the server may use either.
func (e *explainer) explainPostgres(ctx context.Context, c *course, sql string, args []any) {
	e.t.Helper()
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		err := e.Engine.InTx(ctx, func(ctx context.Context) error {
			do := func(sql string) {
				if _, err := e.Engine.Exec(ctx, sql); err != nil {
					e.t.Fatalf("%s: %v", sql, err)
				}
			}
			do(`SAVEPOINT before`)
			do(`SET LOCAL plan_cache_mode = ` + mode)
			do(`PREPARE explained AS ` + sql)
			var text string
			explain := `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE explained`
			if len(args) > 0 {
				explain += `(` + literals(e.t, args) + `)`
			}
			if err := e.Engine.QueryRow(ctx, explain).Scan(&text); err != nil {
				e.t.Fatalf("%s: %s: %v", e.work, sql, err)
			}
			do(`ROLLBACK TO SAVEPOINT before`)
			do(`DEALLOCATE explained`)
			var plans []struct {
				Plan node `json:"Plan"`
			}
			must(e.t, json.Unmarshal([]byte(text), &plans))
			top := plans[0].Plan
			maps.Copy(c.faults, top.faults(ofTable(sql), top.String()))
			if pages := top.Hit + top.Read; pages > c.pages || c.plan == "" {
				c.pages, c.plan = pages, top.String()
			}
			if ctx.Value(inside{}) != nil {
				return nil // the statement itself comes next
			}
			return errUndo
		})
		if err != nil && !errors.Is(err, errUndo) {
			e.t.Fatalf("explain %s: %v", sql, err)
		}
	}
}

// node is a step of a plan of PostgreSQL.
type node struct {
	Type     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Index    string  `json:"Index Name"`
	Rows     float64 `json:"Actual Rows"`
	Loops    float64 `json:"Actual Loops"`
	Hit      int     `json:"Shared Hit Blocks"`
	Read     int     `json:"Shared Read Blocks"`
	Removed  float64 `json:"Rows Removed by Filter"`
	Plans    []node  `json:"Plans"`
}

func (n node) String() string {
	var b strings.Builder
	n.write(&b, 0)
	return b.String()
}

func (n node) write(b *strings.Builder, depth int) {
	fmt.Fprintf(b, "%s%s %s%s: %v rows × %v, %v left out, %d pages\n", strings.Repeat("  ", depth), n.Type, n.Relation, strings.TrimRight(" by "+n.Index, "by "), n.Rows, n.Loops, n.Removed, n.Hit+n.Read)
	for _, p := range n.Plans {
		p.write(b, depth+1)
	}
}

func (n node) faults(table, plan string) map[string]string {
	found := map[string]string{}
	if n.Type == "Seq Scan" {
		found["scans "+n.Relation] = plan
	}
	if strings.HasSuffix(n.Type, "Sort") {
		found["sorts "+table] = plan
	}
	for _, p := range n.Plans {
		maps.Copy(found, p.faults(table, plan))
	}
	return found
}

var firstTable = regexp.MustCompile(`(?:FROM|UPDATE) ([a-z_]+)`)

// ofTable returns the first table that a statement reads or changes.
func ofTable(sql string) string {
	if found := firstTable.FindStringSubmatch(sql); found != nil {
		return found[1]
	}
	return ""
}

// literals writes values as SQL, because EXPLAIN EXECUTE takes no parameters.
func literals(t *testing.T, args []any) string {
	t.Helper()
	list := make([]string, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case nil:
			list[i] = `NULL`
		case string:
			list[i] = `'` + strings.ReplaceAll(v, `'`, `''`) + `'`
		case []byte:
			list[i] = `NULL`
			if v != nil {
				list[i] = fmt.Sprintf(`'\x%x'`, v)
			}
		case time.Time:
			list[i] = `'` + v.Format(time.RFC3339Nano) + `'`
		case *time.Time:
			list[i] = `NULL`
			if v != nil {
				list[i] = `'` + v.Format(time.RFC3339Nano) + `'`
			}
		case bool, int, int64:
			list[i] = fmt.Sprint(v)
		default:
			t.Fatalf("a value of type %T: say how it is written", a)
		}
	}
	return strings.Join(list, ", ")
}
