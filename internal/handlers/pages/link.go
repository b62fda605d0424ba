package pages

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"idp/internal/account"
	"idp/internal/auth"
	"idp/internal/handlers/ui"
	"idp/internal/idp"
	"idp/internal/session"
)

// pendingIdentity is what an interaction keeps of an upstream identity that waits for proof: whose account, and the sealed rest,
// which opens for that account only.
func pendingIdentity(userID, sealed string) string { return userID + ":" + sealed }

func (p *Pages) linkURL(v *visit) string {
	return p.Issuer + "/login/link?i=" + url.QueryEscape(v.interaction.ID)
}

// waiting is an upstream identity that waits for the password of a local account.
type waiting struct {
	account.Pending
	sealed   string
	provider *idp.Provider
}

// linkVisit returns what the page needs, or an error if nothing waits.
func (p *Pages) linkVisit(w http.ResponseWriter, r *http.Request, id string) (*visit, *waiting, error) {
	v, err := p.visit(w, r, id, signInKinds()...)
	if err != nil {
		return nil, nil, err
	}
	if err := v.must(); err != nil {
		return nil, nil, err
	}
	userID, sealed, ok := strings.Cut(v.interaction.Steps.PendingIdentity, ":")
	if !ok {
		return nil, nil, &idp.Error{Kind: idp.Gone, Code: codeExpired, Message: "No sign-in waits to be linked."}
	}
	pending, err := p.Accounts.Pending(userID, sealed)
	if err != nil {
		return nil, nil, err
	}
	provider, err := p.Providers.Get(r.Context(), pending.ProviderID)
	if err != nil {
		return nil, nil, err
	}
	return v, &waiting{Pending: pending, sealed: sealed, provider: provider}, nil
}

// showLink asks for the password of the local account that has the upstream's address (FD-15, SEC-7).
func (p *Pages) showLink(w http.ResponseWriter, r *http.Request) error {
	v, wait, err := p.linkVisit(w, r, r.URL.Query().Get("i"))
	if err != nil {
		return err
	}
	p.show(w, v, linkView(v, wait), http.StatusOK)
	return nil
}

func linkView(v *visit, wait *waiting) ui.Link {
	return ui.Link{Form: v.form, Client: v.shown(), Provider: providerOf(wait.provider), Address: wait.Email}
}

// link takes the password. Nothing is linked before it was right.
func (p *Pages) link(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	v, wait, err := p.linkVisit(w, r, r.PostForm.Get("i"))
	if err != nil {
		return err
	}
	if r.PostForm.Get("action") == actionCancel {
		if err := p.Interactions.Record(ctx, v.interaction, func(s *idp.Steps) { s.PendingIdentity = "" }); err != nil {
			return err
		}
		p.redirect(w, strings.TrimSuffix(p.loginURL(v), "&"))
		return nil
	}
	view := linkView(v, wait)
	password := r.PostForm.Get("password")
	if password == "" {
		view.Problems = ui.Problems{{Field: "password", Message: ui.Say(ui.MsgMissingPassword)}}
		p.show(w, v, view, http.StatusOK)
		return nil
	}
	user, err := p.Store.User(ctx, wait.UserID)
	if errors.Is(err, idp.ErrNotFound) {
		return &idp.Error{Kind: idp.Gone, Code: codeExpired, Message: "The account is gone.", Err: err}
	}
	if err != nil {
		return err
	}
	proved, err := p.Password.ProveUser(ctx, user, password)
	if err != nil {
		return p.refusedLink(w, v, view, err)
	}
	if err = p.linkProved(w, r, v, wait, proved); errors.Is(err, auth.ErrChanged) {
		return p.refusedLink(w, v, view, auth.Refused(err))
	}
	return err
}

func (p *Pages) refusedLink(w http.ResponseWriter, v *visit, view ui.Link, err error) error {
	problems, delay, status, ok := refusal(err, ui.MsgWrongPassword)
	if !ok {
		return err
	}
	view.Problems, view.RetryAfter = problems, delay
	return p.answerRefusal(w, err, status, func() error {
		p.show(w, v, view, status)
		return nil
	})
}

// linkProved links, and then signs in. The link is a transaction of its own: its refusals are recorded even though nobody is signed in.
func (p *Pages) linkProved(w http.ResponseWriter, r *http.Request, v *visit, wait *waiting, proved *auth.Proof) error {
	ctx, user := r.Context(), proved.User
	if err := p.Accounts.LinkIdentity(ctx, user.ID, wait.sealed, proved.Stands); err != nil {
		if idp.KindOf(err) == idp.Internal || idp.KindOf(err) == idp.Gone {
			return err
		}
		return p.upstreamFailed(w, r, v, wait.provider, err)
	}
	before, err := p.Sessions.Current(ctx, r)
	if err != nil {
		return err
	}
	err = p.signIn(w, r, v, proof{
		SignIn: session.SignIn{User: user, AMR: []string{idp.MethodPassword}, Contexts: wait.Contexts, ProviderID: wait.provider.ID}, method: "upstream_and_password", before: before, together: proved.Stands,
	})
	if err != nil {
		return err
	}
	return p.leave(w, v)
}
