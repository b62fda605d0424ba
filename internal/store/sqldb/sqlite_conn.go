package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// sqliteConn is one connection to the file and the statements that were prepared on it; one goroutine at a time uses it. It asks the driver itself:
// database/sql, with its locks and conversions, costs a fifth of a read by key. No context reaches the driver: a statement is bounded and has no other
// server to wait for, and each context that may end would cost a goroutine.
type sqliteConn struct {
	conn  driver.Conn
	stmts map[string]sqliteStmt
}

// sqliteStmt is what the driver's statements can do.
type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

func openConn(ctx context.Context, c driver.Connector) (*sqliteConn, error) {
	conn, err := c.Connect(ctx)
	if err != nil {
		return nil, sqliteError(err)
	}
	return &sqliteConn{conn: conn, stmts: map[string]sqliteStmt{}}, nil
}

func (c *sqliteConn) prepared(text string) (sqliteStmt, error) {
	if st, ok := c.stmts[text]; ok {
		return st, nil
	}
	made, err := c.conn.Prepare(text)
	if err != nil {
		return nil, sqliteError(err)
	}
	st, ok := made.(sqliteStmt)
	if !ok {
		return nil, fmt.Errorf("the SQLite driver's statements are of an unknown kind: %T", made)
	}
	c.stmts[text] = st
	return st, nil
}

func (c *sqliteConn) exec(text string, args []any) (int64, error) {
	st, err := c.prepared(text)
	if err != nil {
		return 0, err
	}
	values, err := sqliteArgs(args)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(context.Background(), values)
	if err != nil {
		return 0, sqliteError(err)
	}
	return res.RowsAffected()
}

// query returns rows that the caller closes before the next statement; done is called then.
func (c *sqliteConn) query(text string, args []any, done func()) (*liveRows, error) {
	st, err := c.prepared(text)
	if err != nil {
		return nil, err
	}
	values, err := sqliteArgs(args)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(context.Background(), values)
	if err != nil {
		return nil, sqliteError(err)
	}
	return newLiveRows(rows, done), nil
}

// close also forgets the statements.
func (c *sqliteConn) close() error {
	var errs []error
	for _, st := range c.stmts {
		errs = append(errs, st.Close())
	}
	return errors.Join(append(errs, c.conn.Close())...)
}

// sqliteArgs puts arguments into the driver's types; times are microseconds since 1970.
func sqliteArgs(args []any) ([]driver.NamedValue, error) {
	out := make([]driver.NamedValue, len(args))
	for i, a := range args {
		out[i].Ordinal = i + 1
		switch v := a.(type) {
		case string, []byte, int64, bool, nil:
			out[i].Value = a
		case time.Time:
			out[i].Value = v.UnixMicro()
		case *time.Time:
			if v != nil {
				out[i].Value = v.UnixMicro()
			}
		default:
			var err error
			if out[i].Value, err = driver.DefaultParameterConverter.ConvertValue(a); err != nil {
				return nil, fmt.Errorf("argument %d: %w", i+1, err)
			}
		}
	}
	return out, nil
}
