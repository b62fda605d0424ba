package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"idp/internal/audit"
	"idp/internal/handlers/api"
	"idp/internal/handlers/api/apiclient"
	"idp/internal/idp"
	"idp/internal/secret"
)

const onlineHelp = `

With IDP_URL (the issuer) and IDP_TOKEN or IDP_TOKEN_FILE (an access token with the scope idp.admin of an administrator) the server
there is asked; otherwise the database that is configured here is worked on, also while a server runs on it.`

const remoteTimeout = 60 * time.Second

// backend is the administration interface, over the network or over a handler in this process: commands do not know which.
type backend struct {
	*apiclient.Client
	services *services // nil if it is somewhere else
}

// online runs a command on the administration interface.
func (a *app) online(do func(ctx context.Context, b *backend, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		if address := a.getenv("IDP_URL"); address != "" {
			b, err := a.remote(address)
			if err != nil {
				return err
			}
			return refusedToken(do(cmd.Context(), b, args))
		}
		return a.offline(func(ctx context.Context, s *services, args []string) error {
			b, err := a.local(s)
			if err != nil {
				return err
			}
			return do(ctx, b, args)
		})(cmd, args)
	}
}

// refusedToken says what to do about a token that the server does not take; its own words are for programs.
func refusedToken(err error) error {
	if idp.KindOf(err) != idp.Unauthenticated {
		return err
	}
	return &idp.Error{
		Kind: idp.Unauthenticated, Code: "token_refused",
		Message: "The server does not take the access token: it has expired, was revoked, or is another server's. Fetch a new one with the scope idp.admin, and put it where IDP_TOKEN_FILE or IDP_TOKEN says.", Err: err,
	}
}

// offline runs a command on the database itself, whether a server runs or not.
func (a *app) offline(do func(ctx context.Context, s *services, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		c, err := a.loadConfig(cmd)
		if err != nil {
			return err
		}
		ctx := idp.WithPeer(cmd.Context(), idp.Peer{Actor: a.operator(), UserAgent: "idp " + readVersion().Version})
		s, err := openServices(ctx, c, openOptions{logger: a.commandLogger()})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		return do(ctx, s, args)
	}
}

// operator returns who acts: the person at this machine. Under sudo it is the one who called it.
func (a *app) operator() idp.Actor {
	name := a.getenv("SUDO_USER")
	if name == "" {
		if u, err := user.Current(); err == nil {
			name = u.Username
		} else {
			name = "uid " + strconv.Itoa(os.Getuid())
		}
	}
	return idp.Actor{Kind: audit.ActorOperator, ID: name}
}

// remote speaks to a server.
func (a *app) remote(address string) (*backend, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, usagef("IDP_URL %q is no address: write the issuer, such as https://id.example.com", address)
	}
	if host := u.Hostname(); u.Scheme != "https" && host != "localhost" && host != "127.0.0.1" && host != "::1" {
		return nil, usagef("IDP_URL %q is not https: everybody on the way could take the token", address)
	}
	token, file := a.getenv("IDP_TOKEN"), a.getenv("IDP_TOKEN_FILE")
	switch {
	case token != "" && file != "":
		return nil, usagef("IDP_TOKEN and IDP_TOKEN_FILE are both set: unset one of them")
	case token == "" && file == "":
		return nil, usagef("IDP_URL is set, so an access token is needed: set IDP_TOKEN_FILE or IDP_TOKEN, or unset IDP_URL to work on the database here")
	case file != "":
		text, err := readBounded(file, maxTypedSecret)
		if err != nil {
			return nil, err
		}
		token = strings.TrimSpace(string(text))
	}
	c, err := apiclient.New(apiclient.Config{
		HTTP: &http.Client{Timeout: remoteTimeout}, BaseURL: strings.TrimSuffix(address, "/") + api.Path, Token: secret.Redacted(token),
	})
	if err != nil {
		return nil, err
	}
	return &backend{Client: c}, nil
}

// local speaks to the same handler in this process. Whoever can open the database needs no token.
func (a *app) local(s *services) (*backend, error) {
	h, err := api.New(api.Dependencies{
		Issuer: s.config.Issuer, Store: s.store, Keyring: s.keyring, Clients: s.clients, Accounts: s.accounts, Sessions: s.sessions, Audit: s.audit,
		Keys: s.keys, Providers: s.providers, Contexts: s.contexts, Logger: s.logger,
		Authenticate: func(http.Header, *http.Request) (idp.Actor, error) { return a.operator(), nil },
	})
	if err != nil {
		return nil, err
	}
	c, err := apiclient.New(apiclient.Config{HTTP: &http.Client{Transport: inProcess{h}}, BaseURL: strings.TrimSuffix(s.config.Issuer, "/") + api.Path})
	if err != nil {
		return nil, err
	}
	return &backend{Client: c, services: s}, nil
}

// inProcess is a transport that ends at a handler.
type inProcess struct{ http.Handler }

// RoundTrip has the handler answer the request.
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context()) // the context carries who acts
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.Host, in.RequestURI = in.URL.Host, in.URL.RequestURI()
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	t.ServeHTTP(w, in)
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.header,
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	begun  bool
	body   bytes.Buffer
}

// Header returns the answer's header.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader keeps the first status.
func (w *recorder) WriteHeader(status int) {
	if !w.begun {
		w.begun, w.status = true, status
	}
}

// Write keeps a part of the body.
func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

// findUser finds somebody by id, address or username.
func (b *backend) findUser(ctx context.Context, who string) (api.User, error) {
	if !strings.Contains(who, "@") {
		u, err := b.User(ctx, who)
		if idp.KindOf(err) != idp.NotFound && idp.KindOf(err) != idp.Invalid || err == nil {
			return u, err
		}
	}
	u, err := b.FindUser(ctx, who)
	if idp.KindOf(err) == idp.NotFound {
		return u, &idp.Error{Kind: idp.NotFound, Code: "user_not_found", Message: fmt.Sprintf("There is no user %q. `idp user list` shows all.", printable(who))}
	}
	return u, err
}

// each does the same with several things. It goes on after a failure, so that one wrong name does not hide the others.
func each(args []string, do func(string) error) error {
	var faults []error
	for _, arg := range args {
		if err := do(arg); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}
