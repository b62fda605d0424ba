package server

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"idp/internal/store/storetest"
)

// Replicas starts n servers with one issuer on one PostgreSQL database, whatever engine the other tests run on: SQLite has no
// replicas.
func Replicas(t testing.TB, n int, options ...Option) []*Server {
	t.Helper()
	first := append([]Option{Issuer("https://id.example.test"), Database(storetest.EmptyPostgres(t))}, options...)
	all := []*Server{Start(t, first...)}
	for range n - 1 {
		more := append([]Option{Issuer(all[0].Issuer), Database(all[0].DatabaseURL), Keyring(all[0].keyring)}, options...)
		all = append(all, Start(t, more...))
	}
	return all
}

// Transport returns a transport that takes every request but those to an OpsURL to the servers in turn, whatever host the URL names. With https it
// plays the proxy that ends TLS: the servers are spoken to in plain HTTP.
func Transport(servers ...*Server) *http.Transport {
	var turn atomic.Uint32
	dial := func(ctx context.Context, _, address string) (net.Conn, error) {
		operators := func(s *Server) bool { return s.OpsURL == "http://"+address }
		if !slices.ContainsFunc(servers, operators) {
			address = servers[int(turn.Add(1)-1)%len(servers)].Address
		}
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	return &http.Transport{
		DialContext: dial, DialTLSContext: dial,
		DisableKeepAlives:   len(servers) > 1, // each request is a new turn
		MaxIdleConnsPerHost: 64,
	}
}
