package pages

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"idp/internal/handlers/ui"
	"idp/internal/idp"
	"idp/internal/interaction"
	"idp/internal/logctx"
	"idp/internal/secret"
	"idp/internal/store"
	"idp/internal/upstream"
)

// upstreamLife is how long a person may take at an upstream (FD-2).
const upstreamLife = 10 * time.Minute

// beginUpstream sends the browser to an upstream. It takes a form of ours: a link could sign somebody in as somebody else (SEC-5).
func (p *Pages) beginUpstream(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	v, err := p.visit(w, r, r.PostForm.Get("i"), signInKinds()...)
	if err != nil {
		return err
	}
	provider, connector, err := p.provider(ctx, r.PathValue("provider"))
	if err != nil {
		return err
	}
	if err := p.begin(ctx, v); err != nil {
		return err
	}
	state := rand.Text() + rand.Text()
	// Before the row, and in no transaction: it may ask the upstream for its discovery document.
	to, pending, err := connector.Begin(ctx, upstream.BeginRequest{
		RedirectURI: p.callbackURL(provider.ID), State: state,
		// PS-23: nothing else of a client's request reaches the upstream.
		LoginHint: v.params.Get("login_hint"), UILocales: v.params.Get("ui_locales"), Prompt: upstreamPrompt(v.reason()),
		ACRValues: provider.AskFor(v.contexts()), // the operator's words
	})
	if err != nil {
		return p.upstreamFailed(w, r, v, provider, err)
	}
	if err := p.keepLogin(ctx, v, provider.ID, secret.Digest(state), pending); err != nil {
		return err
	}
	p.show(w, v, ui.Continue{URL: to, Name: providerOf(provider).Name}, http.StatusOK)
	return nil
}

// provider returns an upstream that people may sign in with.
func (p *Pages) provider(ctx context.Context, id string) (*idp.Provider, upstream.Provider, error) {
	row, err := p.Providers.Get(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	connector, err := p.Upstream.Get(ctx, *row)
	return row, connector, err
}

func (p *Pages) callbackURL(provider string) string { return p.Issuer + "/login/callback/" + provider }

// upstreamPrompt makes the upstream ask again where we would have: else a session there would answer in the person's place.
func upstreamPrompt(reason string) string {
	switch reason {
	case interaction.ReasonPromptLogin, interaction.ReasonAlwaysReauthenticate, interaction.ReasonMaxAge, interaction.ReasonClientMaxSessionAge,
		interaction.ReasonACR:
		return interaction.PromptLogin
	case interaction.ReasonSelectAccount, interaction.ReasonHintMismatch:
		return interaction.PromptSelectAccount
	}
	return ""
}

// keepLogin keeps what the callback needs, under the digest of the state and bound to this browser.
func (p *Pages) keepLogin(ctx context.Context, v *visit, provider string, digest []byte, pending upstream.Pending) error {
	text, err := json.Marshal(pending)
	if err != nil {
		return fmt.Errorf("encode a pending sign-in: %w", err)
	}
	sealed, err := p.Keyring.Seal(text, pendingBinding(digest))
	if err != nil {
		return fmt.Errorf("seal a pending sign-in: %w", err)
	}
	now := time.Now().UTC()
	return p.Store.CreateUpstreamLogin(ctx, &store.UpstreamLogin{
		StateDigest: digest, BrowserDigest: v.browser, InteractionID: v.interaction.ID, ProviderID: provider,
		Pending: sealed, CreatedAt: now, ExpiresAt: now.Add(upstreamLife),
	})
}

func pendingBinding(stateDigest []byte) secret.Binding {
	return secret.Binding{Table: "upstream_logins", Column: "pending", Row: hex.EncodeToString(stateDigest)}
}

// upstreamFailed shows that a sign-in at an upstream came to nothing, with the ways on: try again, another method, give up. The
// application's request stays alive, and nothing the upstream wrote is shown (PS-18).
func (p *Pages) upstreamFailed(w http.ResponseWriter, r *http.Request, v *visit, provider *idp.Provider, err error) error {
	ctx := r.Context()
	code := codeOf(err)
	if code == "" {
		return err // no upstream's fault
	}
	t := p.Traces.Begin("", "upstream", time.Now())
	if v.interaction != nil {
		t.SetClient(v.interaction.ClientID)
	}
	t.Fail(idp.Check{
		Name: "sign-in at " + provider.ID, Expected: "an answer that holds against every check", Received: err.Error(),
		Mend: "`idp provider test " + provider.ID + "` looks at the provider from this server.", Clause: upstream.Clause(provider.Type),
	})
	t.Refuse(code, err.Error())
	logctx.Set(ctx, slog.String("error_code", code), slog.String("provider_id", provider.ID), slog.String("trace_id", t.ID))
	p.Logger.WarnContext(ctx, "upstream sign-in failed", slog.String("provider_id", provider.ID), slog.Any("error", err))
	reason, status := upstreamReason(err)
	if status == http.StatusServiceUnavailable {
		setRetryAfter(w, max(waitOf(err), retryLater))
	}
	p.show(w, v, ui.UpstreamFailed{
		Form: v.form, Client: v.shown(), Provider: providerOf(provider), Reason: ui.Say(reason), CanCancel: v.is(idp.InteractionAuthorize), TraceID: t.ID,
	}, status)
	return nil
}

// upstreamReason returns the sentence and the status of a failure. Why an account here is refused is not told (PS-24).
func upstreamReason(err error) (message string, status int) {
	switch code := codeOf(err); {
	case code == upstream.CodeDenied || code == upstream.CodeInteractionRequired:
		return ui.MsgUpstreamDenied, http.StatusOK
	case idp.KindOf(err) == idp.Unavailable:
		return ui.MsgUpstreamDown, http.StatusServiceUnavailable
	case code == upstream.CodeFailed:
		return ui.MsgUpstreamInvalid, http.StatusBadRequest
	}
	return ui.MsgUpstreamNotAllowed, http.StatusForbidden
}

// errCallback is every callback that no sign-in of this browser waits for: without state, with another browser's, a second time, too
// late (FD-2, SEC-4). They are not told apart.
func errCallback(cause error) error {
	if cause != nil && !errors.Is(cause, idp.ErrNotFound) && idp.KindOf(cause) == idp.Unavailable {
		return cause
	}
	return &statusError{status: http.StatusBadRequest, code: codeExpired, err: cause}
}
