// Package store keeps the nouns of package idp in a database: one file per noun with its columns, its scan and its statements.
//
// It owns every SQL statement of the program (but for what package doctor asks of the engine), and no policy: whoever calls says what "now" is and what a limit is. What must
// happen once is one conditional statement with RETURNING, never a read followed by a write. Methods return idp.ErrNotFound,
// idp.ErrConflict and idp.ErrUnavailable, wrapped. All are safe for concurrent use and join the transaction of the context.
package store
