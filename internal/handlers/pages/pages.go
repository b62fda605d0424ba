package pages

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"idp/internal/account"
	"idp/internal/audit"
	"idp/internal/auth"
	"idp/internal/crossdevice"
	"idp/internal/directory"
	"idp/internal/handlers/ui"
	"idp/internal/idp"
	"idp/internal/interaction"
	"idp/internal/secret"
	"idp/internal/session"
	"idp/internal/store"
	"idp/internal/subject"
	"idp/internal/trace"
	"idp/internal/upstream"
)

// Deps names what the pages need.
type Deps struct {
	UI           *ui.UI
	Sessions     *session.Manager
	Interactions *interaction.Service
	CrossDevice  *crossdevice.Service
	Password     *auth.Password
	Accounts     *account.Service
	Providers    *directory.Providers
	Clients      *directory.Clients
	Upstream     *upstream.Registry
	Contexts     idp.AuthenticationContexts
	Ways         *auth.Ways
	Store        *store.Store
	Keyring      *secret.Keyring
	Audit        *audit.Log
	Traces       *trace.Recorder
	Subjects     *subject.Names
	Issuer       string // without a trailing slash; may have a path
	MinPassword  int    // as the policy has it, for the pages that take a new one; 12 if 0
	// TellOfLogout tells the applications of a session that has just ended; may be nil.
	TellOfLogout func(ctx context.Context, ended *store.EndedSession)
	SetupDone    func(ctx context.Context) // called when there is an administrator, so that the token is of no use any more; may be nil
	Logger       *slog.Logger
}

const defaultMinPassword = 12 // of secret.Policy

// Pages answers people. It is safe for concurrent use.
type Pages struct {
	Deps
	base string // the issuer's path
}

// New returns the pages.
func New(d Deps) (*Pages, error) {
	u, err := url.Parse(d.Issuer)
	if err != nil || u.Host == "" || strings.HasSuffix(d.Issuer, "/") {
		return nil, fmt.Errorf("issuer %q: want an absolute URL without a trailing slash", d.Issuer)
	}
	if d.MinPassword <= 0 {
		d.MinPassword = defaultMinPassword
	}
	return &Pages{Deps: d, base: u.Path}, nil
}

// Route is one page to be mounted: a method, a path below the issuer's, in the syntax of http.ServeMux.
type Route struct {
	Method  string
	Path    string
	Handler http.HandlerFunc
}

// Routes lists the pages.
func (p *Pages) Routes() []Route {
	return []Route{
		{http.MethodGet, "/{$}", p.page(p.home)},
		{http.MethodGet, "/login", p.page(p.showLogin)},
		{http.MethodPost, "/login", p.form(p.login)},
		{http.MethodGet, "/select", p.page(p.showLogin)},
		{http.MethodPost, "/select", p.form(p.login)},
		{http.MethodPost, "/login/upstream/{provider}", p.form(p.beginUpstream)},
		{http.MethodGet, "/login/callback/{provider}", p.page(p.callback)},
		{http.MethodGet, "/login/link", p.page(p.showLink)},
		{http.MethodPost, "/login/link", p.form(p.link)},
		{http.MethodGet, "/register", p.page(p.showRegister)},
		{http.MethodPost, "/register", p.form(p.register)},
		{http.MethodGet, "/consent", p.page(p.showConsent)},
		{http.MethodPost, "/consent", p.form(p.consent)},
		{http.MethodGet, "/approvals", p.page(p.showApprovals)},
		{http.MethodPost, "/approvals", p.form(p.approvals)},
		{http.MethodGet, "/device", p.page(p.showDevice)},
		{http.MethodPost, "/device", p.form(p.device)},
		{http.MethodGet, "/device/confirm", p.page(p.showDeviceConfirm)},
		{http.MethodPost, "/device/confirm", p.form(p.deviceConfirm)},
		{http.MethodGet, "/logout", p.page(p.showLogout)},
		{http.MethodPost, "/logout", p.form(p.logout)},
		{http.MethodGet, "/logout/done", p.page(p.loggedOut)},
		{http.MethodGet, "/session/check", p.UI.CheckSession},
		{http.MethodGet, "/setup", p.page(p.showSetup)},
		{http.MethodPost, "/setup", p.form(p.setup)},
	}
}
