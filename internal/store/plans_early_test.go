package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"idp/internal/store"
	"idp/internal/store/sqldb"
	"idp/internal/store/storetest"
)

// A connection keeps the plan of a statement until somebody analyzes its tables. What PostgreSQL plans on the first day, when it takes one index for as good as
// another, must still go by key when there are rows: of a client, for one, there may be a million authorizations.
func TestPostgres_PlansOfTheFirstDayGoByKey(t *testing.T) {
	t.Parallel()
	db := storetest.NewSized(t, 1).Engine() // one connection, which has all plans
	if db.Name() != "postgres" {
		t.Skip("about PostgreSQL")
	}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	notes := &recorder{Engine: storetest.NewSized(t, 0).Engine(), most: pagesOfRequest, args: map[string][]any{}, bound: map[string]int{}}
	fill(t, notes.Engine, *planRows, now)
	requests(t.Context(), store.New(notes), now)
	notes.most = pagesOfList
	lists(t.Context(), store.New(notes), now)
	do := func(sql string) {
		t.Helper()
		_, err := db.Exec(t.Context(), sql)
		must(t, err)
	}
	do(`SET plan_cache_mode = force_generic_plan`)
	for i, sql := range notes.texts {
		do(fmt.Sprintf(`PREPARE early%d AS %s`, i, sql))
		do(`EXPLAIN ` + execute(t, i, notes.args[sql])) // plans it
	}
	fill(t, db, *planRows, now)
	for i, sql := range notes.texts {
		err := db.InTx(t.Context(), func(ctx context.Context) error {
			var text string
			if err := db.QueryRow(ctx, `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) `+execute(t, i, notes.args[sql])).Scan(&text); err != nil {
				return err
			}
			var plans []struct {
				Plan node `json:"Plan"`
			}
			must(t, json.Unmarshal([]byte(text), &plans))
			if top := plans[0].Plan; top.Hit+top.Read > notes.bound[sql] && !excused(sql, "reads") {
				t.Errorf("reads %d pages, want %d at most: %s\n%s", top.Hit+top.Read, notes.bound[sql], spaced(sql), top)
			}
			return errUndo
		})
		if !errors.Is(err, errUndo) && !strings.Contains(sql, "FROM pending_authorizations WHERE id = $1") { // its row was approved by a statement that is undone here
			t.Errorf("%s: %v", spaced(sql), err)
		}
	}
}

func execute(t *testing.T, i int, args []any) string {
	t.Helper()
	if len(args) == 0 {
		return fmt.Sprintf(`EXECUTE early%d`, i)
	}
	return fmt.Sprintf(`EXECUTE early%d(%s)`, i, literals(t, args))
}

// recorder notes the statements that are sent.
type recorder struct {
	sqldb.Engine
	most  int // pages that a statement may read which is new now
	texts []string
	args  map[string][]any
	bound map[string]int
}

func (r *recorder) note(sql string, args []any) {
	if _, known := r.args[sql]; !known {
		r.texts, r.args[sql], r.bound[sql] = append(r.texts, sql), slices.Clone(args), r.most
	}
}

func (r *recorder) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	r.note(sql, args)
	return r.Engine.Exec(ctx, sql, args...)
}

func (r *recorder) Query(ctx context.Context, sql string, args ...any) (sqldb.Rows, error) {
	r.note(sql, args)
	return r.Engine.Query(ctx, sql, args...)
}

func (r *recorder) QueryRow(ctx context.Context, sql string, args ...any) sqldb.Row {
	r.note(sql, args)
	return r.Engine.QueryRow(ctx, sql, args...)
}
