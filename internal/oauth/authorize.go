package oauth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"idp/internal/idp"
	"idp/internal/interaction"
	"idp/internal/logctx"
	"idp/internal/session"
	"idp/internal/store"
	"idp/internal/trace"
)

// Authorize is the authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3.1.2). With a session and a grant it answers after one
// round trip; else it leaves an interaction and sends the browser to a page.
func (p *Provider) Authorize(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	t := p.Traces.Begin(logctx.From(r.Context()).Trace, "authorize", now)
	logctx.Set(r.Context(), slog.String("trace_id", t.ID))
	params, err := authorizeParams(w, r)
	if params == nil {
		p.failPage(w, r, t, err)
		return
	}
	if r.Method == http.MethodPost && !p.Sessions.Brought(r) && err == nil {
		if query := params.Encode(); len(query) <= queryMost {
			// A form on the application's page posts across sites, so the browser kept its SameSite=Lax cookies back. The
			// same request as a navigation brings them along, and whoever is signed in is not asked again.
			redirect(w, p.Issuer+pathAuthorize+"?"+query)
			return
		}
	}
	a, err := p.readAuthorizeRequest(r.Context(), &authorizeRequest{Params: params, RequestedAt: now, Trace: t}, err)
	if err != nil {
		p.failAuthorize(w, r, a, t, err)
		return
	}
	logctx.Set(r.Context(), slog.String("client_id", a.Client.ID))
	if done := p.issueAtOnce(w, r, a); done {
		return
	}
	p.decide(w, r, a, nil)
}

// queryMost is how long a POST's parameters may be to go on as a GET.
const queryMost = 8 << 10

// authorizeParams reads the parameters of a GET's query or a POST's body. Without any an error comes alone; beside a duplicate the
// parameters come too.
func authorizeParams(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		if len(r.URL.RawQuery) > bodyMost {
			return nil, badRequest("The request is longer than 64 KiB.")
		}
		return parseParams(r.URL.RawQuery)
	case http.MethodPost:
		// OpenID Connect Core §3.1.2.1: a POST has its parameters in the body.
		return readBody(w, r)
	}
	w.Header().Set("Allow", "GET, POST")
	return nil, &pageFault{PageError{Status: http.StatusMethodNotAllowed, Code: idp.CodeInvalidRequest, Description: "This address takes GET and POST only."}}
}

// issueAtOnce answers a request that needs nobody, in one statement that checks session, user and grant and writes the code. It reports
// false if it did not answer: then the facts are looked at one by one.
func (p *Provider) issueAtOnce(w http.ResponseWriter, r *http.Request, a *authorizeRequest) bool {
	for _, prompt := range a.Prompts {
		if prompt != interaction.PromptNone {
			return false
		}
	}
	id, digest, ok := p.Sessions.Ref(r)
	if !ok || p.loops.tooMany(id, a.Client.ID, len(a.Prompts) > 0, a.RequestedAt) {
		return false
	}
	if a.HintUserID != "" && a.Client.Pairwise() {
		return false // whose name it is can only be told when the session's user is known
	}
	oldest, ok := a.facts().MinAuthTime()
	if !ok || len(a.Prompts) > 1 || len(a.Details) > 0 && !a.Client.Trusted || !a.Client.Trusted && !a.assured() {
		return false
	}
	a.conditions = store.IssueConditions{
		SessionID: id, SessionDigest: digest, MinAuthTime: oldest, UserID: a.HintUserID, SkipGrant: a.Client.Trusted, RequiredScopes: a.consentScopes(),
	}
	if a.conditions.Proof, ok = p.proofOf(a); !ok {
		return false
	}
	err := p.issue(r.Context(), a)
	if errors.Is(err, idp.ErrNotFound) {
		return false
	}
	p.answerIssued(w, r, a, err)
	return true
}

// Resume goes on with a request after a page: the person proved, chose, allowed or denied something.
func (p *Provider) Resume(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		methodNotAllowed(w, http.MethodGet)
		return
	}
	ctx := r.Context()
	i, err := p.Interactions.Load(ctx, r.URL.Query().Get("i"), p.Sessions.Browser(w, r))
	if err == nil && i.Kind != idp.InteractionAuthorize {
		err = &idp.Error{Kind: idp.Gone, Code: "interaction_gone", Message: "This address does not belong to a sign-in that is under way."}
	}
	if err != nil {
		p.failPage(w, r, p.Traces.Begin("", "authorize", time.Now()), err)
		return
	}
	t := p.Traces.Begin(i.TraceID, "authorize", time.Now())
	logctx.Set(ctx, slog.String("trace_id", t.ID))
	params, err := parseParams(i.Params)
	if params == nil {
		p.failPage(w, r, t, err)
		return
	}
	// The client may have changed since: everything is checked again, but time counts from the request's arrival.
	a, err := p.readAuthorizeRequest(ctx, &authorizeRequest{Params: params, RequestedAt: i.CreatedAt, Trace: t, Resumed: true}, err)
	if err != nil {
		p.failAuthorize(w, r, a, t, err)
		return
	}
	logctx.Set(ctx, slog.String("client_id", a.Client.ID))
	p.decide(w, r, a, i)
}

// decide looks at all facts and does what interaction.Decide says. i is nil for a request that has just come.
func (p *Provider) decide(w http.ResponseWriter, r *http.Request, a *authorizeRequest, i *idp.Interaction) {
	current, err := p.Sessions.Resume(r.Context(), w, r)
	if err != nil {
		p.failAuthorize(w, r, a, a.Trace, err)
		return
	}
	f, err := p.findFacts(r.Context(), a, i, current)
	if err != nil {
		p.failAuthorize(w, r, a, a.Trace, err)
		return
	}
	next := interaction.Decide(f, time.Now())
	a.traceContexts(&f, next)
	switch next.Step {
	case interaction.Done:
		p.finish(w, r, a, i, store.IssueConditions{
			SessionID: current.Session.ID, SessionDigest: current.Digest, UserID: current.User.ID,
			// The grant is asked for again in the statement, unless the person has just said yes or nobody asks.
			SkipGrant: a.Client.Trusted, RequiredScopes: a.consentScopes(),
		})
	case interaction.Fail:
		p.refuseDecided(w, r, a, i, next)
	default:
		p.toPage(w, r, a, i, next)
	}
}

// findFacts puts together what the decision depends on: the request, who is here, what they allowed, and what they did since.
func (p *Provider) findFacts(ctx context.Context, a *authorizeRequest, i *idp.Interaction, current *session.Current) (interaction.Facts, error) {
	f := a.facts()
	if current != nil {
		f.Session, f.User = current.Session, current.User
		if p.Subjects.Is(a.Client, f.HintUserID, current.User.ID) {
			f.HintUserID = current.User.ID
		}
		g, err := p.Store.Grant(ctx, current.User.ID, a.Client.ID)
		if err != nil && !errors.Is(err, idp.ErrNotFound) {
			return f, err
		}
		if g != nil {
			f.Granted = g.Scopes
		}
		if p.loops.stuck(current.Session.ID, a.Client.ID) && i == nil {
			return f, p.loops.fault(a.Client)
		}
	}
	if i != nil {
		f.Steps = i.Steps
	}
	f.Contexts = p.Contexts
	err := p.findWays(ctx, &f)
	return f, err
}

// refuseDecided tells the application no, and ends what was kept of its request.
func (p *Provider) refuseDecided(w http.ResponseWriter, r *http.Request, a *authorizeRequest, i *idp.Interaction, next interaction.Next) {
	if next.Error != idp.CodeUnmetAuthenticationRequirements { // traceContexts has told of that
		a.Trace.Fail(a.refusedCheck(next.Reason))
	}
	if i != nil {
		if err := p.Interactions.Consume(r.Context(), i.ID); err != nil {
			p.failPage(w, r, a.Trace, err)
			return
		}
	}
	if err := p.dropPushed(r.Context(), a); err != nil {
		p.failPage(w, r, a.Trace, err)
		return
	}
	p.answerAuthorizeError(w, r, a, &Error{Status: http.StatusBadRequest, Code: next.Error, Description: a.refusedDescription(next)})
}

// finish issues the answer and ends the interaction in one transaction, so that of two tabs only one gets it.
func (p *Provider) finish(w http.ResponseWriter, r *http.Request, a *authorizeRequest, i *idp.Interaction, c store.IssueConditions) {
	a.conditions = c
	var err error
	if i == nil {
		err = p.issue(r.Context(), a)
	} else {
		err = p.Store.InTx(r.Context(), func(ctx context.Context) error {
			if err := p.Interactions.Consume(ctx, i.ID); err != nil {
				return err
			}
			return p.issue(ctx, a)
		})
	}
	if errors.Is(err, idp.ErrNotFound) && idp.KindOf(err) != idp.Gone {
		// The session, the user or the grant went away between the look and the statement.
		p.answerAuthorizeError(w, r, a, &Error{Status: http.StatusBadRequest, Code: idp.CodeAccessDenied, Description: "The session or the consent ended while the request was answered."})
		return
	}
	p.answerIssued(w, r, a, err)
}

// answerIssued sends off what issue made, with the tokens that come along. They are signed here, where no transaction waits for it.
func (p *Provider) answerIssued(w http.ResponseWriter, r *http.Request, a *authorizeRequest, err error) {
	if err == nil {
		err = p.addTokens(r.Context(), a)
	}
	if err != nil {
		p.failAuthorize(w, r, a, a.Trace, err)
		return
	}
	p.Sessions.Touch(a.conditions.SessionID)
	p.answerSuccess(w, r, a)
}

// toPage leaves the request in an interaction and sends the browser to the page of the next step.
func (p *Provider) toPage(w http.ResponseWriter, r *http.Request, a *authorizeRequest, i *idp.Interaction, next interaction.Next) {
	ctx := r.Context()
	var err error
	if i == nil {
		i, err = p.Interactions.Begin(ctx, interaction.Begin{
			Kind: idp.InteractionAuthorize, ClientID: a.Client.ID, Params: a.kept().Encode(), Browser: p.Sessions.Browser(w, r), TraceID: a.Trace.ID,
			Steps: idp.Steps{Reason: next.Reason, Contexts: next.Contexts},
		})
	} else if i.Steps.Reason != next.Reason || next.Step == interaction.Login && !slices.Equal(i.Steps.Contexts, next.Contexts) {
		err = p.Interactions.Record(ctx, i, func(s *idp.Steps) {
			s.Reason = next.Reason
			if next.Step == interaction.Login {
				s.Contexts = next.Contexts
			}
		})
	}
	if err != nil {
		p.failAuthorize(w, r, a, a.Trace, err)
		return
	}
	a.Trace.Pass("waiting for the person: " + string(next.Step) + " (" + next.Reason + ")")
	a.Trace.End(trace.Waiting)
	logctx.Set(ctx, slog.String("outcome", "page"), slog.String("step", string(next.Step)), slog.String("reason", next.Reason))
	redirect(w, p.Interactions.PageURL(next.Step, i.ID))
}

// failAuthorize sends an error to the redirect URI if there is one to be trusted, and to a page otherwise.
func (p *Provider) failAuthorize(w http.ResponseWriter, r *http.Request, a *authorizeRequest, t *trace.T, err error) {
	var back *redirectFault
	if a != nil && errors.As(err, &back) {
		p.answerAuthorizeError(w, r, a, &Error{Status: http.StatusBadRequest, Code: back.code, Description: back.description})
		return
	}
	p.failPage(w, r, t, err)
}

// failPage shows an error page. The database being away is one too (PS-19): a redirect would send the person in a circle.
func (p *Provider) failPage(w http.ResponseWriter, r *http.Request, t *trace.T, err error) {
	e := PageError{TraceID: t.ID}
	var fault *pageFault
	var known *idp.Error
	switch {
	case errors.As(err, &fault):
		e = fault.PageError
		e.TraceID = t.ID
	case errors.As(err, &known) && known.Kind == idp.Throttled:
		retryAfter(w.Header(), known.RetryAfter)
		e.Status, e.Code, e.Description = http.StatusTooManyRequests, known.Code, known.Message
	case errors.As(err, &known) && idp.KindOf(err) != idp.Unavailable && idp.KindOf(err) != idp.Internal:
		e.Status, e.Code, e.Description = http.StatusBadRequest, known.Code, known.Message
	default:
		var back *redirectFault
		if errors.As(err, &back) {
			e.Status, e.Code, e.Description = http.StatusBadRequest, back.code, back.description
			break
		}
		if twice := (duplicate{}); errors.As(err, &twice) || errors.Is(err, errMalformed) || errors.Is(err, errTooMany) {
			e.Status, e.Code, e.Description = http.StatusBadRequest, idp.CodeInvalidRequest, "The request of the application cannot be read: "+strings.TrimSuffix(err.Error(), ".")+"."
			break
		}
		wire := wireError(err)
		p.note(r.Context(), wire)
		retryAfter(w.Header(), wire.RetryAfter)
		e.Status, e.Code, e.Description = wire.Status, wire.Code, wire.Description
	}
	t.Refuse(e.Code, e.Description)
	logctx.Set(r.Context(), slog.String("error_code", e.Code))
	p.Fail(w, r, e)
}
