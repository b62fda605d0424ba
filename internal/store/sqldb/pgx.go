package sqldb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"idp/internal/idp"
)

const notifyChannel = "idp_changes"

// PostgresConfig says where the database is.
type PostgresConfig struct {
	URL            string // postgres://… or a keyword string; may hold a password, so it is never logged
	MaxConnections int32  // at most this many per replica; 16 reach 88 % of what one server can do
}

type postgres struct {
	pool          *pgxpool.Pool
	conf          *pgx.ConnConfig
	reads, writes *convoy
}

type pgTx struct{}

// OpenPostgres opens a pool on PostgreSQL. It does not wait for the server: the first statement does.
func OpenPostgres(ctx context.Context, c PostgresConfig) (Engine, error) {
	conf, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		// pgx hides the password in its message.
		return nil, fmt.Errorf("database URL: %w", err)
	}
	if c.MaxConnections > 0 {
		conf.MaxConns = c.MaxConnections
	}
	if conf.ConnConfig.ConnectTimeout == 0 {
		conf.ConnConfig.ConnectTimeout = 3 * time.Second
	}
	conf.ConnConfig.RuntimeParams["timezone"] = "UTC"
	if conf.ConnConfig.RuntimeParams["application_name"] == "" {
		conf.ConnConfig.RuntimeParams["application_name"] = "idp"
	}
	conf.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		// Every statement goes by an index (store's test of plans). A plan that was made while a table was small, and kept, must do so too when it has grown:
		// by itself PostgreSQL would read all of a small table, and go on with that until its statistics are renewed. What must read a small table whole looks
		// dear then, hence no compiler for it.
		if _, err := c.Exec(ctx, `SET enable_seqscan = off; SET jit = off`); err != nil {
			return err
		}
		// Times come back in UTC, wherever the server runs.
		c.TypeMap().RegisterType(&pgtype.Type{Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC}})
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, conf)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL: %w", err)
	}
	// Reads travel by themselves, because they need not wait for the disk.
	return &postgres{pool: pool, conf: conf.ConnConfig, reads: newConvoy(pool, false), writes: newConvoy(pool, true)}, nil
}

type pgQuerier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func (p *postgres) on(ctx context.Context) pgQuerier {
	if tx, ok := ctx.Value(pgTx{}).(pgx.Tx); ok {
		return tx
	}
	return p.pool
}

func (p *postgres) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	count(ctx)
	if err := checkText(args); err != nil {
		return 0, err
	}
	tag, err := p.on(ctx).Exec(ctx, sql, args...)
	return tag.RowsAffected(), pgError(err)
}

func (p *postgres) Query(ctx context.Context, sql string, args ...any) (Rows, error) {
	count(ctx)
	if err := checkText(args); err != nil {
		return nil, err
	}
	rows, err := p.on(ctx).Query(ctx, sql, args...)
	if err != nil {
		return nil, pgError(err)
	}
	return pgRows{rows}, nil
}

func (p *postgres) QueryRow(ctx context.Context, sql string, args ...any) Row {
	if _, ok := ctx.Value(pgTx{}).(pgx.Tx); ok {
		rows, err := p.Query(ctx, sql, args...)
		if err != nil {
			return failedRow{err}
		}
		return pgRow{rows.(pgRows)}
	}
	count(ctx)
	if err := checkText(args); err != nil {
		return failedRow{err}
	}
	c := p.writes
	if strings.HasPrefix(sql, "SELECT") {
		c = p.reads
	}
	return convoyRow{c, &ride{ctx: ctx, sql: sql, args: args}}
}

func (p *postgres) InTx(ctx context.Context, fn func(ctx context.Context) error) error {
	if _, ok := ctx.Value(pgTx{}).(pgx.Tx); ok {
		return fn(ctx)
	}
	var err error
	for attempt := range txAttempts {
		count(ctx)
		count(ctx)
		err = pgError(pgx.BeginFunc(ctx, p.pool, func(tx pgx.Tx) error {
			return fn(context.WithValue(ctx, pgTx{}, tx))
		}))
		if !errors.Is(err, ErrRetry) || ctx.Err() != nil {
			return err
		}
		if !pause(ctx, time.Duration(attempt+1)*5*time.Millisecond) {
			return err
		}
	}
	return err
}

// pause waits for d and reports false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func (p *postgres) Announce(ctx context.Context, topic string) error {
	_, err := p.Exec(ctx, `SELECT pg_notify($1, $2)`, notifyChannel, topic)
	return err
}

// Listen uses a connection of its own, outside the pool: a request must never wait for it.
func (p *postgres) Listen(ctx context.Context, heard func(topic string)) {
	for ctx.Err() == nil {
		p.listenOnce(ctx, heard)
		pause(ctx, time.Second)
	}
}

func (p *postgres) listenOnce(ctx context.Context, heard func(topic string)) {
	conn, err := pgx.ConnectConfig(ctx, p.conf.Copy())
	if err != nil {
		return // the caller's polling covers the gap
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "LISTEN "+notifyChannel); err != nil {
		return
	}
	heard("") // whatever was announced before we listened
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return
		}
		heard(n.Payload)
	}
}

func (p *postgres) Ping(ctx context.Context) error { return pgError(p.pool.Ping(ctx)) }

// Pool counts the pool's connections; the one that listens is not among them.
func (p *postgres) Pool() (used, idle, most int) {
	s := p.pool.Stat()
	return int(s.AcquiredConns()), int(s.IdleConns()), int(s.MaxConns())
}

func (p *postgres) Name() string { return "postgres" }
func (p *postgres) Close() error { p.pool.Close(); return nil }

type pgRows struct{ pgx.Rows }

func (r pgRows) Err() error             { return pgError(r.Rows.Err()) }
func (r pgRows) Scan(dest ...any) error { return pgError(r.Rows.Scan(dest...)) }

// convoyRow is run when it is scanned.
type convoyRow struct {
	convoy *convoy
	ride   *ride
}

func (r convoyRow) Scan(dest ...any) error {
	r.ride.dest = dest
	return r.convoy.do(r.ride)
}

type pgRow struct{ rows pgRows }

func (r pgRow) Scan(dest ...any) error {
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return idp.ErrNotFound
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}

// pgError turns what pgx says into the sentinels that callers branch on. Errors that fn returned inside a transaction pass as they are.
func pgError(err error) error {
	if err == nil {
		return nil
	}
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		switch {
		case pe.Code == "23505":
			return fmt.Errorf("%w: %s", idp.ErrConflict, pe.ConstraintName)
		case pe.Code == "23503":
			return fmt.Errorf("%w: the row that this one belongs to: %s", idp.ErrNotFound, pe.ConstraintName)
		case pe.Code == "40001", pe.Code == "40P01":
			return retry(err)
		// No connection, shutting down or starting, out of something, failed over to a replica that only reads, disk.
		case strings.HasPrefix(pe.Code, "08"), strings.HasPrefix(pe.Code, "57P"), strings.HasPrefix(pe.Code, "53"), pe.Code == "25006",
			strings.HasPrefix(pe.Code, "58"):
			return fmt.Errorf("%w: %w", idp.ErrUnavailable, err)
		}
		return err
	}
	var ce *pgconn.ConnectError
	var ne net.Error
	if errors.As(err, &ce) || errors.As(err, &ne) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err) || strings.Contains(err.Error(), "conn closed") {
		return fmt.Errorf("%w: %w", idp.ErrUnavailable, err)
	}
	return err
}
