package interaction

import (
	"slices"
	"time"

	"idp/internal/idp"
)

// Step is what has to happen next.
type Step string

// The steps.
const (
	Done          Step = "done"           // answer the request
	Create        Step = "create"         // the person makes an account, or says that they have one
	Login         Step = "login"          // the person proves who they are
	SelectAccount Step = "select_account" // the person says as whom they go on
	Consent       Step = "consent"        // the person says whether the client may have what it asks for
	Fail          Step = "fail"           // answer the request with Next.Error
)

// The values of prompt (OpenID Connect Core §3.1.2.1, Prompt Create §4).
const (
	PromptNone          = "none"
	PromptLogin         = "login"
	PromptConsent       = "consent"
	PromptSelectAccount = "select_account"
	PromptCreate        = "create"
)

// Prompts lists the values that are taken. create is one of them only where people may register: elsewhere a client that relies on it must hear that
// it cannot (Prompt Create §4.1).
func Prompts(mayRegister bool) []string {
	all := []string{PromptNone, PromptLogin, PromptConsent, PromptSelectAccount}
	if mayRegister {
		all = append(all, PromptCreate)
	}
	return all
}

// Why a step is needed.
const (
	ReasonNoSession            = "no_session"
	ReasonHintMismatch         = "hint_mismatch"
	ReasonPromptLogin          = "prompt_login"
	ReasonAlwaysReauthenticate = "always_reauthenticate"
	ReasonMaxAge               = "max_age"
	ReasonClientMaxSessionAge  = "client_max_session_age"
	ReasonSelectAccount        = "select_account"
	ReasonPromptConsent        = "prompt_consent"
	ReasonNewScopes            = "new_scopes"
	ReasonUnassured            = "unassured_client"
	ReasonDenied               = "denied"
	ReasonPromptUnknown        = "prompt_unknown"
	ReasonPromptNoneWithOthers = "prompt_none_with_others"
	ReasonPromptCreate         = "prompt_create"
	ReasonPromptCreateWithHint = "prompt_create_with_hint"
	ReasonACR                  = "acr"
	ReasonDetails              = "authorization_details"
	ReasonMaxAgeNegative       = "max_age_negative"
)

// Facts is all that the decision depends on.
type Facts struct {
	Client      *idp.Client
	Scopes      []string  // asked for
	Prompts     []string  // the words of prompt
	MaxAge      *int64    // seconds, from the request; nil takes the client's default
	RequestedAt time.Time // when the request first arrived, not when it was resumed
	HintUserID  string    // sub of the id_token_hint, "" without one
	MayRegister bool      // people may create accounts for themselves
	// ACRValues are wishes (OpenID Connect Core §3.1.2.1), as far as there are such contexts here, in the order of preference.
	ACRValues []string
	// RequiredACR is a demand (OpenID Connect Core §5.5.1.1): the sign-in is one of these, or the request fails.
	RequiredACR []string
	Contexts    idp.AuthenticationContexts // that there are
	Ways        []idp.Way                  // by which people sign in here; needed only if NeedsWays says so
	Details     string                     // digest of the authorization details that are asked for; a person allows these and no others (RFC 9396 §3)
	Session     *idp.Session               // nil: nobody is signed in
	User        *idp.User                  // of the session
	Granted     []string                   // what the user allowed this client before
	Unassured   bool                       // anybody could be this client (idp.Client.Assured)
	Steps       idp.Steps                  // what the person did in this interaction
}

// Next is what comes next.
type Next struct {
	Step   Step
	Reason string // one of the Reason constants; "" when done
	Error  string // for Fail: the OAuth error
	// Contexts, for Login: the sign-in should be one of these; nil for any.
	Contexts []string
}

// Decide says what the person must do next, or that the request can be answered. Steps that were done in this interaction
// satisfy prompt and max_age=0 once: the next request asks anew.
func Decide(f Facts, now time.Time) Next {
	if reason := f.Malformed(); reason != "" {
		return Next{Step: Fail, Reason: reason, Error: idp.CodeInvalidRequest}
	}
	if f.Steps.Denied {
		return Next{Step: Fail, Reason: ReasonDenied, Error: idp.CodeAccessDenied}
	}
	next := f.next(now)
	if next.Step != Done && next.Step != Fail && slices.Contains(f.Prompts, PromptNone) {
		// OpenID Connect Core §3.1.2.1: no page may be shown, so the client learns what would have been asked.
		return Next{Step: Fail, Reason: next.Reason, Error: silentError(next.Step)}
	}
	return next
}

func (f Facts) next(now time.Time) Next {
	// OpenID Connect Core §5.5.1.1, RFC 9470 §5: a demand that cannot be met is a failed sign-in. Nobody types a password for nothing.
	unmet := Next{Step: Fail, Reason: ReasonACR, Error: idp.CodeUnmetAuthenticationRequirements}
	if f.hopeless() {
		return unmet
	}
	if slices.Contains(f.Prompts, PromptCreate) && !f.chose(now) {
		// Prompt Create §4.1: before anything else, whoever is signed in. What the page comes to satisfies login and select_account too.
		return Next{Step: Create, Reason: ReasonPromptCreate}
	}
	if reason := f.loginReason(now); reason != "" {
		return Next{Step: Login, Reason: reason, Contexts: f.Contexts.Known(f.RequiredACR)}
	}
	if f.unmetACR() {
		if f.loggedIn() || !f.reachable(f.RequiredACR, (*idp.Way).Offered) {
			return unmet
		}
		return Next{Step: Login, Reason: ReasonACR, Contexts: f.Contexts.Known(f.RequiredACR)}
	}
	if contexts := f.wished(); len(contexts) > 0 {
		return Next{Step: Login, Reason: ReasonACR, Contexts: contexts}
	}
	if slices.Contains(f.Prompts, PromptSelectAccount) && !f.selected() {
		return Next{Step: SelectAccount, Reason: ReasonSelectAccount}
	}
	if reason := f.consentReason(); reason != "" {
		return Next{Step: Consent, Reason: reason}
	}
	return Next{Step: Done}
}

// Malformed returns why the request makes no sense whoever sends it, or "".
func (f Facts) Malformed() string {
	supported := Prompts(f.MayRegister)
	for _, p := range f.Prompts {
		switch {
		case !slices.Contains(supported, p):
			// OpenID Connect Core §3.1.2.1: a prompt that is not in prompt_values_supported is an error, because the
			// client relies on it.
			return ReasonPromptUnknown
		case p == PromptNone && len(f.Prompts) > 1:
			return ReasonPromptNoneWithOthers
		case p == PromptCreate && f.HintUserID != "":
			// Prompt Create §4: conditions that exclude each other. A new account is never the one that the request names.
			return ReasonPromptCreateWithHint
		}
	}
	if f.MaxAge != nil && *f.MaxAge < 0 {
		return ReasonMaxAgeNegative
	}
	return ""
}

// loginReason returns why the person must prove who they are (OpenID Connect Core §3.1.2.3), or "".
func (f Facts) loginReason(now time.Time) string {
	switch {
	case f.Session == nil || f.User == nil || !f.Session.Live(now) || f.User.State != idp.UserActive || f.Session.UserID != f.User.ID:
		return ReasonNoSession
	case f.HintUserID != "" && f.HintUserID != f.User.ID:
		// OpenID Connect Core §3.1.2.1: never answer about somebody else than the client asked about. Signing in as
		// another person does not help, so the page is shown again; the person can cancel.
		return ReasonHintMismatch
	case slices.Contains(f.Prompts, PromptLogin) && !f.loggedIn():
		return ReasonPromptLogin
	case f.Client.AlwaysReauthenticate && !f.loggedIn():
		return ReasonAlwaysReauthenticate
	}
	if age := f.maxAge(); age != nil {
		// max_age=0 is another spelling of prompt=login (OpenID Connect Core §3.1.2.1): a sign-in a moment before the
		// request is not enough, however coarse the clock.
		if *age == 0 && !f.loggedIn() || f.olderThan(*age) {
			return ReasonMaxAge
		}
	}
	if limit := int64(f.Client.MaxSessionAge); limit > 0 && f.olderThan(limit) {
		return ReasonClientMaxSessionAge
	}
	return ""
}

// loggedIn reports whether the person proved who they are in this interaction, and it is that sign-in which the session
// stands on: not one that was restored or replaced meanwhile.
func (f Facts) loggedIn() bool {
	return f.Steps.LoginAt != nil && !f.Steps.LoginAt.Before(f.RequestedAt) && !f.Session.AuthTime.Before(f.RequestedAt)
}

// maxAge returns the limit that applies, or nil. A client's default_max_age holds where the request is silent (OpenID
// Connect Dynamic Client Registration §2).
func (f Facts) maxAge() *int64 {
	if f.MaxAge == nil && f.Client.DefaultMaxAge != nil && *f.Client.DefaultMaxAge >= 0 {
		return f.Client.DefaultMaxAge
	}
	return f.MaxAge
}

// olderThan reports whether the sign-in is older than so many seconds, seen from when the request arrived: a person who
// takes their time over the consent page is not sent back.
func (f Facts) olderThan(seconds int64) bool {
	return seconds <= longestAge && f.Session.AuthTime.Before(f.RequestedAt.Add(-time.Duration(seconds)*time.Second))
}

// longestAge is a century: any more overflows a Duration before long, and says nothing.
const longestAge = 100 * 365 * 86400

// MinAuthTime returns the oldest time of sign-in that Decide accepts by age, for the statement that issues a code without
// loading the session (store.IssueConditions). ok is false if only Decide can tell, because a sign-in in this very
// interaction is asked for.
func (f Facts) MinAuthTime() (oldest time.Time, ok bool) {
	age := f.maxAge()
	if slices.Contains(f.Prompts, PromptLogin) || f.Client.AlwaysReauthenticate || age != nil && *age == 0 {
		return time.Time{}, false
	}
	if age != nil && *age <= longestAge {
		oldest = f.RequestedAt.Add(-time.Duration(*age) * time.Second)
	}
	if limit := int64(f.Client.MaxSessionAge); limit > 0 && limit <= longestAge {
		if at := f.RequestedAt.Add(-time.Duration(limit) * time.Second); at.After(oldest) {
			oldest = at
		}
	}
	return oldest, true
}

// chose reports whether the person made an account in this interaction, or went on with one that they have: whether prompt=create ends in a new one is
// theirs to say (Prompt Create §4.1).
func (f Facts) chose(now time.Time) bool {
	return f.Session != nil && f.User != nil && f.Session.Live(now) && f.Session.UserID == f.User.ID && f.selected()
}

// selected reports whether the person chose the account they are signed in with. Signing in is choosing.
func (f Facts) selected() bool {
	return f.Steps.SelectedUserID == f.User.ID || f.loggedIn()
}

// consentReason returns why the person must be asked, or "".
func (f Facts) consentReason() string {
	// What one account allowed says nothing about the next one that signs in here.
	allowed := f.Steps.ConsentUserID == f.User.ID && covers(f.Steps.ConsentedScopes, f.Scopes) && f.Steps.ConsentedDetail == f.Details
	switch {
	case allowed:
		return ""
	case slices.Contains(f.Prompts, PromptConsent):
		// Even a trusted client's: it asked for the page itself.
		return ReasonPromptConsent
	case f.Client.Trusted:
		return ""
	case f.Unassured:
		// RFC 8252 §8.6: what was allowed before may have been allowed to another application under the same client_id.
		return ReasonUnassured
	case f.Details != "":
		// RFC 9396 §3: details are for this once; nothing that was allowed before covers them.
		return ReasonDetails
	case covers(f.Granted, f.Scopes):
		return ""
	}
	return ReasonNewScopes
}

func covers(have, want []string) bool {
	return !slices.ContainsFunc(want, func(scope string) bool { return !slices.Contains(have, scope) })
}

// silentError returns what a client with prompt=none is told instead of a page (OpenID Connect Core §3.1.2.6).
func silentError(s Step) string {
	switch s {
	case Login:
		return idp.CodeLoginRequired
	case SelectAccount:
		return idp.CodeAccountSelectionRequired
	case Consent:
		return idp.CodeConsentRequired
	}
	return idp.CodeInteractionRequired
}
