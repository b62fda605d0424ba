package sqldb_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store/sqldb"
	"idp/internal/store/storetest"
)

// Statements that wait at the same time may share a trip and a commit. Nobody may be able to tell.

// together runs fn n times at once and returns what each said.
func together(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = fn(i) })
	}
	wg.Wait()
	return errs
}

func insertRow(ctx context.Context, db sqldb.Engine, id string, n int) (string, error) {
	var got string
	err := db.QueryRow(ctx, `INSERT INTO scratch (id, n) VALUES ($1, $2) RETURNING id`, id, int64(n)).Scan(&got)
	return got, err
}

func TestQueryRow_EachGetsItsOwnRowAmongMany(t *testing.T) {
	t.Parallel()
	db := openScratch(t)
	const n = 400
	for i, err := range together(n, func(i int) error {
		id := fmt.Sprint("row", i)
		if got, err := insertRow(t.Context(), db, id, i); err != nil || got != id {
			return fmt.Errorf("insert %s: got %s, %w", id, got, err)
		}
		var read int64
		if err := db.QueryRow(t.Context(), `SELECT n FROM scratch WHERE id = $1`, id).Scan(&read); err != nil || read != int64(i) {
			return fmt.Errorf("read %s: got %d, %w", id, read, err)
		}
		if err := db.QueryRow(t.Context(), `SELECT n FROM scratch WHERE id = $1`, "no"+id).Scan(&read); !errors.Is(err, idp.ErrNotFound) {
			return fmt.Errorf("a row that is not there: %w", err)
		}
		return nil
	}) {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if got := rowsOf(t, db); got != n {
		t.Errorf("got %d rows, want %d", got, n)
	}
}

// Of every three statements one breaks a rule. The others must be kept, and each of the breakers hear its own fault.
func TestQueryRow_FaultOfOneIsNotTheOthers(t *testing.T) {
	t.Parallel()
	db := openScratch(t)
	exec(t, db, `INSERT INTO scratch (id) VALUES ('taken')`)
	const n = 300
	for i, err := range together(n, func(i int) error {
		id := fmt.Sprint("row", i)
		if i%3 == 0 {
			id = "taken"
		}
		_, err := insertRow(t.Context(), db, id, i)
		return err
	}) {
		switch {
		case i%3 == 0 && !errors.Is(err, idp.ErrConflict):
			t.Errorf("%d: got %v, want a conflict", i, err)
		case i%3 != 0 && err != nil:
			t.Errorf("%d: %v", i, err)
		}
	}
	if got := rowsOf(t, db); got != 1+n*2/3 {
		t.Errorf("got %d rows, want %d", got, 1+n*2/3)
	}
}

func TestQueryRow_OneRowHasOneWinner(t *testing.T) {
	t.Parallel()
	db := openScratch(t)
	exec(t, db, `INSERT INTO scratch (id, flag) VALUES ('code', TRUE), ('other', TRUE)`)
	won := 0
	for i, err := range together(500, func(i int) error {
		var id string
		return db.QueryRow(t.Context(), `UPDATE scratch SET flag = FALSE WHERE id = $1 AND flag RETURNING id`, []string{"code", "other"}[i%2]).Scan(&id)
	}) {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, idp.ErrNotFound):
			t.Errorf("%d: %v", i, err)
		}
	}
	if won != 2 {
		t.Errorf("%d won, want one for each row", won)
	}
}

// A row that somebody holds must cost those only who want it.
func TestQueryRow_HeldRowHoldsNobodyElseUp(t *testing.T) {
	t.Parallel()
	db := openScratch(t)
	if db.Name() == "sqlite" {
		t.Log("SQLite has one writer: a transaction holds every other up, so only reads are tried")
	}
	exec(t, db, `INSERT INTO scratch (id, n) VALUES ('held', 0)`)
	const n = 40
	for i := range n {
		exec(t, db, `INSERT INTO scratch (id, n) VALUES ($1, 0)`, fmt.Sprint("row", i))
	}
	text := `UPDATE scratch SET n = n + 1 WHERE id = $1 RETURNING n`
	if db.Name() == "sqlite" {
		text = `SELECT n + 1 FROM scratch WHERE id = $1`
	}
	release, held := make(chan struct{}), make(chan struct{})
	var holder, waiter sync.WaitGroup
	holder.Go(func() {
		_ = db.InTx(t.Context(), func(ctx context.Context) error {
			if _, err := db.Exec(ctx, `UPDATE scratch SET n = 10 WHERE id = 'held'`); err != nil {
				t.Error(err)
			}
			close(held)
			<-release
			return nil
		})
	})
	<-held
	if db.Name() != "sqlite" {
		for range 2 { // both of those that leave at once
			waiter.Go(func() {
				var got int64
				if err := db.QueryRow(t.Context(), text, "held").Scan(&got); err != nil || got < 11 {
					t.Errorf("got %d, %v", got, err)
				}
			})
		}
		for waiting := 0; waiting < 2; { // until PostgreSQL says so
			rows, err := db.Query(t.Context(), `SELECT count(*) FROM pg_locks WHERE NOT granted`)
			if err != nil || !rows.Next() || rows.Scan(&waiting) != nil {
				t.Fatal("cannot read the locks:", err)
			}
			rows.Close()
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for i, err := range together(n, func(i int) error {
		var got int64
		return db.QueryRow(ctx, text, fmt.Sprint("row", i)).Scan(&got)
	}) {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	close(release)
	holder.Wait()
	waiter.Wait()
}

func TestQueryRow_CallerWhoGivesUpHarmsNobody(t *testing.T) {
	t.Parallel()
	db := openScratch(t)
	for i, err := range together(300, func(i int) error {
		ctx := t.Context()
		if i%5 == 0 {
			short, cancel := context.WithTimeout(ctx, time.Duration(i)*time.Microsecond)
			defer cancel()
			ctx = short
		}
		_, err := insertRow(ctx, db, fmt.Sprint("row", i), i)
		return err
	}) {
		if err != nil && i%5 != 0 {
			t.Errorf("%d: %v", i, err)
		}
	}
	if got := rowsOf(t, db); got < 240 {
		t.Errorf("got %d rows, want at least 240", got)
	}
}

func TestQueryRow_OneConnectionIsEnough(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, 1)
	exec(t, db, `CREATE TABLE scratch (id TEXT PRIMARY KEY, n BIGINT)`)
	for i, err := range together(256, func(i int) error {
		if i%10 == 0 {
			return db.InTx(t.Context(), func(ctx context.Context) error {
				_, err := insertRow(ctx, db, fmt.Sprint("row", i), i)
				return err
			})
		}
		_, err := insertRow(t.Context(), db, fmt.Sprint("row", i), i)
		return err
	}) {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// unfit is a destination that takes no value.
type unfit struct{ panics bool }

func (u *unfit) Scan(any) error {
	if u.panics {
		panic("impossible destination")
	}
	return errors.New("unfit")
}

// What one caller cannot read must not cost the others their answers, which are committed; nor may anybody hear that all is well who read nothing.
func TestQueryRow_DestinationOfOneIsNotTheOthers(t *testing.T) {
	t.Parallel()
	db := openScratch(t)
	const n = 300
	for i, err := range together(n, func(i int) error {
		id := fmt.Sprint("row", i)
		if i%10 < 2 { // the second one's may panic, which is its caller's to hear
			defer func() { _ = recover() }()
			if db.QueryRow(t.Context(), `INSERT INTO scratch (id) VALUES ($1) RETURNING id`, id).Scan(&unfit{panics: i%10 == 1}) == nil {
				return errors.New("all is well, it says")
			}
			return nil
		}
		got, err := insertRow(t.Context(), db, id, i)
		if err == nil && got != id {
			err = fmt.Errorf("got the row %q", got)
		}
		return err
	}) {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if got := rowsOf(t, db); got < n*8/10 {
		t.Errorf("got %d rows, want %d at least", got, n*8/10)
	}
}

// Nor those who travel with somebody who wants it.
func TestQueryRow_WhoWaitsForARowHoldsNoCompanionUp(t *testing.T) {
	t.Parallel()
	db := openScratch(t)
	if db.Name() == "sqlite" {
		t.Log("SQLite has one writer: there is no row to wait for")
		return
	}
	const n = 200
	exec(t, db, `INSERT INTO scratch (id, n) VALUES ('held', 0)`)
	for i := range n {
		exec(t, db, `INSERT INTO scratch (id, n) VALUES ($1, 0)`, fmt.Sprint("row", i))
	}
	held, free, over := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		over <- db.InTx(t.Context(), func(ctx context.Context) error {
			_, err := db.Exec(ctx, `UPDATE scratch SET n = 10 WHERE id = 'held'`)
			close(held)
			<-free
			return err
		})
	}()
	<-held
	var others, waiter sync.WaitGroup
	for i := range n {
		id, group := fmt.Sprint("row", i), &others
		if i == n/4 || i == n/2 {
			id, group = "held", &waiter
		}
		group.Go(func() {
			var got int64
			if err := db.QueryRow(t.Context(), `UPDATE scratch SET n = n + 1 WHERE id = $1 RETURNING n`, id).Scan(&got); err != nil || id == "held" && got < 11 {
				t.Errorf("%s: got %d, %v", id, got, err)
			}
		})
	}
	done := make(chan struct{})
	go func() { others.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Error("the others wait for a row that none of them wants")
	}
	close(free)
	waiter.Wait()
	others.Wait()
	if err := <-over; err != nil {
		t.Error(err)
	}
}

// unsendable is a value that no engine can be given.
type unsendable struct{}

func (unsendable) Value() (driver.Value, error) { return nil, errors.New("unsendable") }

// What cannot even be sent is the fault of its caller: the others' statements happen, and nobody hears that one did that did not.
func TestQueryRow_ValueOfOneIsNotTheOthers(t *testing.T) {
	t.Parallel()
	db := openScratch(t)
	const n = 300
	for i, err := range together(n, func(i int) error {
		id := fmt.Sprint("row", i)
		if i%10 == 0 {
			if db.QueryRow(t.Context(), `INSERT INTO scratch (id, data) VALUES ($1, $2) RETURNING id`, id, unsendable{}).Scan(&id) == nil {
				return errors.New("all is well, it says")
			}
			return nil
		}
		got, err := insertRow(t.Context(), db, id, i)
		if err == nil && got != id {
			err = fmt.Errorf("got the row %q", got)
		}
		return err
	}) {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if got := rowsOf(t, db); got != n*9/10 {
		t.Errorf("got %d rows, want %d", got, n*9/10)
	}
}
