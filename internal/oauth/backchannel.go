package oauth

import (
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"idp/internal/idp"
	"idp/internal/logctx"
)

// formValues are the parameters of a form.
type formValues = url.Values

// backChannel reads the form of a client's own request and authenticates it. It has answered already if ok is false.
func (p *Provider) backChannel(w http.ResponseWriter, r *http.Request, endpoint string) (*idp.Client, formValues, time.Time, bool) {
	now := time.Now()
	if r.Method != http.MethodPost {
		methodNotAllowed(w, http.MethodPost)
		return nil, nil, now, false
	}
	form, err := readForm(w, r)
	if err != nil {
		p.answerError(w, r, err, "")
		return nil, nil, now, false
	}
	t := p.Traces.Begin(logctx.From(r.Context()).Trace, endpoint, now)
	client, err := p.auth.Authenticate(r.Context(), r, form, nil, t, now)
	if err != nil {
		t.End(p.answerError(w, r, err, t.ID).Code)
		return nil, nil, now, false
	}
	logClient(r, client)
	return client, form, now, true
}

// logClient names the client in the access line.
func logClient(r *http.Request, c *idp.Client) {
	logctx.Set(r.Context(), slog.String("client_id", c.ID))
}
