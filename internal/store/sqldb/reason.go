package sqldb

import (
	"errors"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"idp/internal/idp"
)

// Reason says in one line why a database does not answer. pgx tells each address that it tried on a line of its own, most of them twice.
func Reason(err error) string {
	var server *pgconn.PgError
	var name *net.DNSError
	var address *net.OpError
	switch {
	case errors.As(err, &server):
		return server.Message + " (" + server.Code + ")"
	case errors.As(err, &name):
		return "the name " + name.Name + " cannot be resolved: " + name.Err
	case errors.As(err, &address):
		return address.Error()
	}
	text := strings.TrimPrefix(err.Error(), idp.ErrUnavailable.Error()+": ")
	return strings.TrimSuffix(strings.Join(strings.Fields(text), " "), ".")
}
