package oauth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"idp/internal/idp"
	"idp/internal/interaction"
	"idp/internal/logctx"
	"idp/internal/oauth/clientauth"
	"idp/internal/oauth/dpop"
	"idp/internal/secret"
	"idp/internal/throttle"
	"idp/internal/trace"
)

const (
	// pushedLife is how long a request_uri may be used: long enough for a slow browser and a reload, and no longer (RFC 9126 §2.2;
	// FAPI 2.0 Security Profile §5.3.2.2: less than ten minutes).
	pushedLife = 90 * time.Second
	// pushedMost bounds what one request may make us keep.
	pushedMost = 16 << 10
	// pushedMemory is how long the authorization of a pushed request is remembered at least: longer than any page that was opened with it
	// waits for a person, so that of two such pages only one gets a code.
	pushedMemory = 30 * time.Minute
)

// pushedAnswer is RFC 9126 §2.2.
type pushedAnswer struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int64  `json:"expires_in"`
}

// PushedRequest is the pushed authorization request endpoint (RFC 9126 §2): the client proves who it is and sends what it would else
// send through the browser; every check of the authorization endpoint that needs no person is made now.
func (p *Provider) PushedRequest(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost { // RFC 9126 §2.3
		methodNotAllowed(w, http.MethodPost)
		return
	}
	ctx, now := r.Context(), time.Now()
	t := p.Traces.Begin(logctx.From(ctx).Trace, "par", now)
	logctx.Set(ctx, slog.String("trace_id", t.ID))
	answer, err := p.push(w, r, t, now)
	if err != nil {
		p.refuse(w, r, pushError(err), t)
		return
	}
	t.End(trace.OK)
	writeJSON(w, http.StatusCreated, answer)
}

func (p *Provider) push(w http.ResponseWriter, r *http.Request, t *trace.T, now time.Time) (*pushedAnswer, error) {
	ctx := r.Context()
	form, err := readForm(w, r)
	if err != nil {
		t.Fail(idp.Check{Name: "form of the request", Expected: "a form-encoded body, each parameter once", Received: wireError(err).Description, Mend: mendForm, Clause: "RFC 9126 §2.1"})
		return nil, err
	}
	if id := form.Get("client_id"); p.Documents != nil && idp.IsClientURL(id) {
		if _, err := p.Documents.Client(ctx, id); err != nil && !errors.Is(err, idp.ErrNotFound) {
			return nil, documentError(err)
		}
	}
	// RFC 9126 §2: the same client authentication as at the token endpoint.
	var proof *dpop.Proof
	c, err := p.auth.Authenticate(ctx, r, form, func(c *idp.Client) (err error) {
		logClient(r, c)
		if wait := p.pushes.client(ctx, c, now); wait > 0 {
			return tooManyPushes(t, wait)
		}
		proof, err = p.provePushed(w.Header(), r, c, t, now)
		return err
	}, t, now)
	if failed := (*clientauth.Failure)(nil); errors.As(err, &failed) {
		if wait := p.pushes.address(ctx, now); wait > 0 {
			return nil, tooManyPushes(t, wait)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := pushable(form, c); err != nil {
		t.Fail(idp.Check{
			Name: "request can be pushed", Expected: "the parameters of an authorization request, with the client_id of the client that authenticates, and no request_uri",
			Received: err.Error(), Mend: "Push what would else go through the browser; request_uri is what comes back.", Clause: "RFC 9126 §2.1",
		})
		return nil, err
	}
	a, err := p.readAuthorizeRequest(ctx, &authorizeRequest{Params: form, RequestedAt: now, Trace: t, Pushing: true}, nil)
	if err != nil {
		return nil, err
	}
	if reason := a.facts().Malformed(); reason != "" {
		t.Fail(a.refusedCheck(reason))
		return nil, badRequest(a.refusedDescription(interaction.Next{Reason: reason, Error: idp.CodeInvalidRequest}))
	}
	if err := p.bindPushed(ctx, a, proof); err != nil {
		return nil, err
	}
	params := a.kept().Encode()
	if len(params) > pushedMost {
		return nil, &Error{Status: http.StatusRequestEntityTooLarge, Code: idp.CodeInvalidRequest, Description: "The parameters together are longer than 16 KiB."}
	}
	token := p.Keyring.NewToken(secret.TokenPushed, idp.NewID())
	err = p.Store.PutPushedRequest(ctx, &idp.PushedRequest{
		ID: token.ID, ClientID: c.ID, Params: params, CreatedAt: now, ExpiresAt: now.Add(pushedLife),
	}, token.Digest)
	if err != nil {
		return nil, err
	}
	t.Pass("kept for the browser")
	return &pushedAnswer{RequestURI: requestURIPrefix + token.Text, ExpiresIn: int64(pushedLife / time.Second)}, nil
}

// pushRates bounds how much anybody may have us keep (RFC 9126 §2.3: 429), without asking the database.
type pushRates struct{ perAddress, perClient *throttle.Rate }

func newPushRates(c Config) pushRates {
	return pushRates{throttle.NewRate(c.PushesPerAddress), throttle.NewRate(c.PushesPerClient)}
}

// address counts a push that nothing vouches for but where it comes from.
func (r pushRates) address(ctx context.Context, now time.Time) time.Duration {
	return r.perAddress.WaitAt(idp.PeerOf(ctx).Address, now)
}

// client counts a push of a client. One that has credentials pushes for all its people from one address, so only the client counts. In the name of
// one that has none anybody pushes, so only the address does: else some addresses could lock its people out.
func (r pushRates) client(ctx context.Context, c *idp.Client, now time.Time) time.Duration {
	if c.Public() {
		return r.address(ctx, now)
	}
	return r.perClient.Wait(c.ID, now)
}

func tooManyPushes(t *trace.T, wait time.Duration) error {
	t.Fail(idp.Check{
		Name: "rate of pushed requests", Expected: "at most throttle.pushed a minute of one client, throttle.starts of one address without credentials", Received: "more",
		Mend: "Push one request for each sign-in, when it begins. If so many are meant, raise the setting.", Clause: "RFC 9126 §2.3",
	})
	return &idp.Error{Kind: idp.Throttled, Code: "too_many_pushed_requests", RetryAfter: max(wait, time.Second), Message: "More requests are pushed at once than the server takes. Wait a moment and try again."}
}

// pushable takes the client's credentials out of the form and refuses what no pushed request may hold.
func pushable(form url.Values, c *idp.Client) error {
	for _, name := range []string{"client_secret", "client_assertion", "client_assertion_type"} {
		form.Del(name)
	}
	if form.Has("request_uri") { // RFC 9126 §2.1
		return invalidForm("A pushed request has no request_uri.")
	}
	if id := form.Get("client_id"); id != "" && id != c.ID {
		return invalidForm("The client_id is not that of the client that authenticated.")
	}
	form.Set("client_id", c.ID)
	return nil
}

// pushError turns what the authorization endpoint would redirect or show into an answer to the client (RFC 9126 §2.3).
func pushError(err error) error {
	var back *redirectFault
	var page *pageFault
	switch {
	case errors.As(err, &back):
		return &Error{Status: http.StatusBadRequest, Code: back.code, Description: back.description}
	case errors.As(err, &page):
		return &Error{Status: http.StatusBadRequest, Code: page.Code, Description: page.Description}
	}
	return err
}

// documentError is what a client is told that is described by a document, and not taken.
func documentError(err error) error {
	if known := (*idp.Error)(nil); errors.As(err, &known) && (known.Kind == idp.Forbidden || known.Kind == idp.Invalid) {
		return &Error{Status: http.StatusUnauthorized, Code: idp.CodeInvalidClient, Description: known.Message, Err: err}
	}
	return err
}
