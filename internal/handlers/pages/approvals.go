package pages

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"idp/internal/crossdevice"
	"idp/internal/handlers/ui"
	"idp/internal/idp"
	"idp/internal/interaction"
	"idp/internal/session"
)

// showApprovals lists what applications have asked behind the scenes and what waits for this person's answer (CIBA §8, RFC 10027 §6.1.14).
func (p *Pages) showApprovals(w http.ResponseWriter, r *http.Request) error {
	v, c, err := p.approvalsVisit(w, r)
	if err != nil || c == nil {
		return err
	}
	return p.showQuestions(w, r, v, c, ui.Message{})
}

// approvalsVisit returns who is signed in. Where that is nobody the browser has been sent to sign in. The interaction is that of a sign-in for one of
// the requests, if there was one a moment ago.
func (p *Pages) approvalsVisit(w http.ResponseWriter, r *http.Request) (*visit, *session.Current, error) {
	v, err := p.visit(w, r, r.FormValue("i"), idp.InteractionApprovals)
	if idp.KindOf(err) == idp.Gone { // the page itself stays
		v, err = p.visit(w, r, "")
	}
	if err != nil {
		return nil, nil, err
	}
	c, err := p.Sessions.Resume(r.Context(), w, r)
	if err != nil || c != nil {
		return v, c, err
	}
	return v, nil, p.askToSignIn(w, r, interaction.Begin{Browser: v.browser, Steps: idp.Steps{Reason: interaction.ReasonNoSession}})
}

// askToSignIn sends the browser to sign in, and then back to the approvals.
func (p *Pages) askToSignIn(w http.ResponseWriter, r *http.Request, b interaction.Begin) error {
	b.Kind = idp.InteractionApprovals
	i, err := p.Interactions.Begin(r.Context(), b)
	if err != nil {
		return err
	}
	p.redirect(w, p.Interactions.PageURL(interaction.Login, i.ID))
	return nil
}

func (p *Pages) showQuestions(w http.ResponseWriter, r *http.Request, v *visit, c *session.Current, notice ui.Message) error {
	list, err := p.CrossDevice.Questions(r.Context(), c.User.ID)
	if err != nil {
		return err
	}
	view := ui.Approvals{Form: v.form, Account: *accountOf(c.User), UserID: c.User.ID, Notice: notice}
	slices.SortFunc(list, func(a, b *idp.PendingAuthorization) int { return strings.Compare(a.ID, b.ID) }) // by time
	for _, q := range list {
		client, err := p.Clients.Get(r.Context(), q.ClientID)
		if idp.KindOf(err) == idp.NotFound { // switched off
			continue
		}
		if err != nil {
			return err
		}
		one := ui.Approval{
			ID: q.ID, Client: ui.ClientOf(client), Message: q.Request.BindingMessage, Address: q.Request.Address, Agent: shortAgent(q.Request.UserAgent),
			Age: max(time.Second, time.Since(q.CreatedAt)), Resources: q.Audience, DetailDigest: pendingDetails(q),
		}
		if one.Details, err = p.details(r.Context(), string(q.Request.Details)); err != nil {
			return err
		}
		for _, s := range pendingScopes(client, q) {
			one.Scopes = append(one.Scopes, ui.Scope{Name: s})
		}
		view.Requests = append(view.Requests, one)
	}
	p.show(w, v, view, http.StatusOK)
	return nil
}

// approvals takes an answer.
func (p *Pages) approvals(w http.ResponseWriter, r *http.Request) error {
	v, c, err := p.approvalsVisit(w, r)
	if err != nil || c == nil {
		return err
	}
	form := r.PostForm
	action := form.Get("action")
	if action != actionAllow && action != actionDeny {
		return failure(http.StatusBadRequest, idp.CodeInvalidRequest, "The form says neither allow nor deny.")
	}
	q, err := p.CrossDevice.Pending(r.Context(), form.Get("request"))
	if err == nil && (q.Kind != idp.PendingBackchannel || q.UserID != c.User.ID) {
		err = &idp.Error{Kind: idp.Gone, Code: "request_gone", Message: "This request is not for you."} // whose it is is nobody's business
	}
	if err == nil && form.Get("account") == c.User.ID {
		var client *idp.Client
		if client, err = p.Clients.Get(r.Context(), q.ClientID); err != nil {
			return err
		}
		if form.Get("scopes") != strings.Join(pendingScopes(client, q), " ") || form.Get("details") != pendingDetails(q) {
			return p.showQuestions(w, r, v, c, ui.Message{}) // nobody allows what they have not read
		}
		if next, err := p.beforeAnswer(r.Context(), v, client, q, c, action); err != nil {
			return err
		} else if next.Step == interaction.Login {
			return p.askToSignIn(w, r, interaction.Begin{
				ClientID: client.ID, Browser: v.browser, Params: url.Values{paramRequest: {q.ID}}.Encode(), Steps: idp.Steps{Reason: next.Reason, Contexts: next.Contexts},
			})
		}
		q.Scopes = pendingScopes(client, q) // no more than was read, whatever the client may ask for a moment later
		err = p.decide(r.Context(), q, c, action)
	}
	switch {
	case idp.KindOf(err) == idp.Gone:
		return p.showQuestions(w, r, v, c, ui.Say(ui.MsgApprovalGone))
	case err != nil:
		return err
	case form.Get("account") != c.User.ID: // somebody else signed in meanwhile
		return p.showQuestions(w, r, v, c, ui.Message{})
	case action == actionAllow:
		return p.showQuestions(w, r, v, c, ui.Say(ui.MsgApprovalAllowed))
	}
	return p.showQuestions(w, r, v, c, ui.Say(ui.MsgApprovalDenied))
}

func (p *Pages) decide(ctx context.Context, q *idp.PendingAuthorization, c *session.Current, action string) error {
	by := crossdevice.Decision{Session: c.Session, Digest: c.Digest}
	if action == actionAllow {
		return p.CrossDevice.Approve(ctx, q, by)
	}
	return p.CrossDevice.Deny(ctx, q, by)
}

// beforeAnswer decides what the person must do before their answer counts. A sign-in since the question is as fresh as one in an interaction; for a
// context they are asked once for each question, and not to say no.
func (p *Pages) beforeAnswer(ctx context.Context, v *visit, client *idp.Client, q *idp.PendingAuthorization, c *session.Current, action string) (interaction.Next, error) {
	f := interaction.Facts{Client: client, RequestedAt: q.CreatedAt, Steps: idp.Steps{LoginAt: &c.Session.AuthTime}}
	if v.question() == q.ID {
		f.Steps.Contexts = v.contexts()
	}
	if action == actionAllow {
		f.ACRValues = q.Request.ACRValues
	}
	return p.before(ctx, f, c)
}

// DecideAutomatically approves or denies an auth_req_id without a person, as the one who is asked: the automated_ciba_approval_url of the
// OpenID Foundation's conformance suite. It is mounted in development only.
func (p *Pages) DecideAutomatically(w http.ResponseWriter, r *http.Request) {
	p.page(func(w http.ResponseWriter, r *http.Request) error {
		action := map[string]string{"allow": actionAllow, "deny": actionDeny}[r.FormValue("action")]
		if action == "" {
			return failure(http.StatusBadRequest, idp.CodeInvalidRequest, "The action is neither allow nor deny.")
		}
		q, err := p.CrossDevice.ByAuthReqID(r.Context(), r.FormValue("auth_req_id"))
		if err != nil {
			return err
		}
		err = p.Store.InTx(r.Context(), func(ctx context.Context) error {
			u, err := p.Store.User(ctx, q.UserID)
			if err != nil {
				return err
			}
			// As though they had typed their password, which everybody knows in development.
			c, _, err := p.Sessions.Create(ctx, r, session.SignIn{User: u, AMR: []string{idp.MethodPassword}})
			if err != nil {
				return err
			}
			return p.decide(ctx, q, c, action)
		})
		if err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})(w, r)
}
