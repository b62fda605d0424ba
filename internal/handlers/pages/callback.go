package pages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"idp/internal/account"
	"idp/internal/idp"
	"idp/internal/secret"
	"idp/internal/session"
	"idp/internal/store"
	"idp/internal/upstream"
)

// callback is where an upstream sends the browser back. It is a GET that signs in; what stands for the form of ours is the state:
// random, spent here, and of this browser only (SEC-4: else an attacker's code would finish in the victim's browser).
func (p *Pages) callback(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	v, err := p.visit(w, r, "")
	if err != nil {
		return err
	}
	login, err := p.takeLogin(ctx, r, v)
	if err != nil {
		return err
	}
	pending, err := p.openPending(login)
	if err != nil {
		return err
	}
	i, err := p.Interactions.Load(ctx, login.InteractionID, v.browser)
	if err != nil {
		return err
	}
	if err := p.recall(r, v, i); err != nil {
		return err
	}
	provider, connector, err := p.provider(ctx, login.ProviderID)
	if err != nil {
		return err
	}
	claims, err := connector.Finish(ctx, pending, r.URL.Query(), time.Now())
	if err != nil {
		return p.upstreamFailed(w, r, v, provider, err)
	}
	out, err := p.Accounts.SignInUpstream(ctx, provider, claims)
	if err != nil {
		return err
	}
	return p.outcome(w, r, v, provider, claims, out)
}

// takeLogin spends the state. Nothing else of the callback is looked at before.
func (p *Pages) takeLogin(ctx context.Context, r *http.Request, v *visit) (*store.UpstreamLogin, error) {
	state, err := upstream.State(r.URL.Query())
	if err != nil {
		return nil, errCallback(err)
	}
	login, err := p.Store.TakeUpstreamLogin(ctx, secret.Digest(state), v.browser, time.Now().UTC())
	if errors.Is(err, idp.ErrNotFound) {
		return nil, errCallback(err)
	}
	if err != nil {
		return nil, err
	}
	if login.ProviderID != r.PathValue("provider") {
		// RFC 9700 §4.4: one upstream's answer must not pass for another's (mix-up).
		return nil, errCallback(fmt.Errorf("the sign-in began at provider %s", login.ProviderID))
	}
	return login, nil
}

func (p *Pages) openPending(login *store.UpstreamLogin) (pending upstream.Pending, err error) {
	text, err := p.Keyring.Open(login.Pending, pendingBinding(login.StateDigest))
	if err != nil {
		return pending, fmt.Errorf("open a pending sign-in: %w", err)
	}
	if err := json.Unmarshal(text, &pending); err != nil {
		return pending, errors.New("a pending sign-in cannot be read") // the text would hold its secrets
	}
	return pending, nil
}

// outcome does what the accounts say about the identity.
func (p *Pages) outcome(w http.ResponseWriter, r *http.Request, v *visit, provider *idp.Provider, claims upstream.Claims, out account.Outcome) error {
	ctx := r.Context()
	switch {
	case out.Refused != nil:
		return p.upstreamFailed(w, r, v, provider, out.Refused)
	case out.NeedsProof != nil:
		waiting := pendingIdentity(out.NeedsProof.User.ID, out.NeedsProof.Pending)
		if err := p.Interactions.Record(ctx, v.interaction, func(s *idp.Steps) { s.PendingIdentity = waiting }); err != nil {
			return err
		}
		p.redirect(w, p.linkURL(v))
		return nil
	}
	before, err := p.Sessions.Current(ctx, r)
	if err != nil {
		return err
	}
	remember := before != nil && before.User.ID == out.User.ID && before.Session.Remembered
	err = p.signIn(w, r, v, proof{
		// FL-16: amr says what was used here; how the upstream did it is the upstream's word, which is worth what the operator says.
		SignIn: session.SignIn{User: out.User, Contexts: provider.Vouched(claims.ACR, claims.AMR), ProviderID: provider.ID, Remember: remember}, method: "upstream", before: before,
		together: func(ctx context.Context) error { return p.stillActive(ctx, out.User.ID) },
	})
	if err != nil {
		return err
	}
	// Not a redirect: the upstream's own form-action may follow the browser through every redirect, to the application.
	return p.leave(w, v)
}
