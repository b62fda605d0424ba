package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"modernc.org/sqlite" // the driver that the server uses
)

// The same table and statements on both engines: about the shape of an authorization, and about what a rotation does to it.
const (
	limitTable  = `CREATE TABLE living (id TEXT PRIMARY KEY, client_id TEXT NOT NULL, content TEXT NOT NULL, digest %[1]s NOT NULL, previous %[1]s, rotated_at BIGINT)`
	limitInsert = `INSERT INTO living (id, client_id, content, digest) VALUES ($1, $2, $3, $4)`
	limitRead   = `SELECT client_id, content, rotated_at FROM living WHERE id = $1`
	limitRotate = `UPDATE living SET digest = $2, previous = digest, rotated_at = $3 WHERE id = $1 AND digest = $4 RETURNING content`
)

// rows makes up rows; each worker has its own to rotate.
type rows struct {
	next    atomic.Int64
	content string
	digests [][]byte // of the row that a worker rotates
}

func newRows(workers int) *rows {
	r := &rows{content: strings.Repeat("c", rowBytes)}
	for worker := range workers {
		r.digests = append(r.digests, digest(int64(worker)))
	}
	r.next.Store(limitRows)
	return r
}

func digest(n int64) []byte {
	sum := sha256.Sum256(fmt.Append(nil, n))
	return sum[:]
}

func key(n int64) string { return fmt.Sprintf("01j%020d", n) }

func (r *rows) insert(n int64) []any { return []any{key(n), "client", r.content, digest(n)} }

// rotation returns the arguments of a worker's next rotation and what its digest will be.
func (r *rows) rotation(worker int) ([]any, []byte) {
	fresh := make([]byte, 32)
	rand.Read(fresh)
	return []any{key(int64(worker)), fresh, time.Now().UnixMicro(), r.digests[worker]}, fresh
}

// some returns the number of a row, spread over all.
func some(i int) int64 { return int64(i) * 7919 % limitRows }

func postgresLimits(ctx context.Context, costs map[part]cost, address string, workers, pid int) error {
	conns := make([]*pgx.Conn, workers)
	for i := range conns {
		c, err := pgx.Connect(ctx, address)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close(ctx) }()
		conns[i] = c
	}
	r := newRows(workers)
	if _, err := conns[0].Exec(ctx, fmt.Sprintf(limitTable, "BYTEA")); err != nil {
		return err
	}
	_, err := conns[0].CopyFrom(ctx, pgx.Identifier{"living"}, []string{"id", "client_id", "content", "digest"},
		pgx.CopyFromSlice(limitRows, func(i int) ([]any, error) { return r.insert(int64(i)), nil }))
	if err != nil {
		return err
	}
	reads := make([]int, workers)
	return measureDB(costs, workers, pid, map[part]func(worker int) (int, error){
		partRead: func(worker int) (int, error) {
			var clientID, content string
			var at *int64
			reads[worker]++
			return 1, conns[worker].QueryRow(ctx, limitRead, key(some(worker+reads[worker]))).Scan(&clientID, &content, &at)
		},
		partInsert: func(worker int) (int, error) {
			_, err := conns[worker].Exec(ctx, limitInsert, r.insert(r.next.Add(1))...)
			return 1, err
		},
		partRotate: func(worker int) (int, error) {
			args, fresh := r.rotation(worker)
			var content string
			err := conns[worker].QueryRow(ctx, limitRotate, args...).Scan(&content)
			r.digests[worker] = fresh
			return 1, err
		},
	})
}

// measureDB measures the three limits one after the other.
func measureDB(costs map[part]cost, workers, pid int, work map[part]func(worker int) (int, error)) error {
	for _, name := range []part{partRead, partInsert, partRotate} {
		var err error
		if costs[name], err = repeat(workers, limitTime, pid, work[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// sqliteLimits uses one connection, as SQLite has one writer, and commits as many writes at once as there are workers: more than the
// workers wait for cannot be in one commit.
func sqliteLimits(ctx context.Context, costs map[part]cost, path string, workers int) error {
	_, _ = sqlite.Fdatasync(true) // as the server does, where the system has it
	q := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)"}}
	db, err := sql.Open("sqlite", "file:"+path+"?"+q.Encode())
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, fmt.Sprintf(limitTable, "BLOB")); err != nil {
		return err
	}
	r := newRows(workers)
	statements := map[string]*sql.Stmt{}
	for _, text := range []string{limitInsert, limitRead, limitRotate, "BEGIN IMMEDIATE", "COMMIT"} {
		if statements[text], err = db.PrepareContext(ctx, text); err != nil {
			return err
		}
	}
	grouped := func(n int, do func(i int) error) (int, error) {
		if _, err := statements["BEGIN IMMEDIATE"].ExecContext(ctx); err != nil {
			return 0, err
		}
		for i := range n {
			if err := do(i); err != nil {
				return 0, err
			}
		}
		_, err := statements["COMMIT"].ExecContext(ctx)
		return n, err
	}
	fill := func(i int) error {
		_, err := statements[limitInsert].ExecContext(ctx, r.insert(int64(i))...)
		return err
	}
	if _, err := grouped(limitRows, fill); err != nil {
		return err
	}
	reads := 0
	return measureDB(costs, 1, 0, map[part]func(int) (int, error){
		partRead: func(int) (int, error) {
			var clientID, content string
			var at *int64
			reads++
			return 1, statements[limitRead].QueryRowContext(ctx, key(some(reads))).Scan(&clientID, &content, &at)
		},
		partInsert: func(int) (int, error) {
			return grouped(workers, func(int) error { return fill(int(r.next.Add(1))) })
		},
		partRotate: func(int) (int, error) {
			return grouped(workers, func(worker int) error {
				args, fresh := r.rotation(worker)
				var content string
				err := statements[limitRotate].QueryRowContext(ctx, args...).Scan(&content)
				r.digests[worker] = fresh
				return err
			})
		},
	})
}
