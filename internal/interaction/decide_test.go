package interaction_test

import (
	"math"
	"reflect"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/interaction"
)

// at is when the request arrives in every case; the person signed in an hour before.
var at = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

// signedIn is a request that needs nothing: each case changes what it is about.
func signedIn() interaction.Facts {
	return interaction.Facts{
		Client: &idp.Client{ID: "app"}, Scopes: []string{"openid", "email"}, RequestedAt: at,
		Session: &idp.Session{ID: "s", UserID: "ann", AuthTime: at.Add(-time.Hour), IdleExpiresAt: at.Add(time.Hour), ExpiresAt: at.Add(24 * time.Hour)},
		User:    &idp.User{ID: "ann", State: idp.UserActive},
		Granted: []string{"openid", "email", "profile"},
	}
}

func prompt(words ...string) func(*interaction.Facts) {
	return func(f *interaction.Facts) { f.Prompts = words }
}

func maxAge(seconds int64) func(*interaction.Facts) {
	return func(f *interaction.Facts) { f.MaxAge = &seconds }
}

func authTime(t time.Time) func(*interaction.Facts) {
	return func(f *interaction.Facts) { f.Session.AuthTime = t }
}

// loggedInNow is what the sign-in page leaves behind.
func loggedInNow(f *interaction.Facts) {
	f.Session.AuthTime = at.Add(20 * time.Second)
	f.Steps.LoginAt = ptr(at.Add(20 * time.Second))
}

func consented(user string, scopes ...string) func(*interaction.Facts) {
	return func(f *interaction.Facts) { f.Steps.ConsentUserID, f.Steps.ConsentedScopes = user, scopes }
}

func granted(scopes ...string) func(*interaction.Facts) {
	return func(f *interaction.Facts) { f.Granted = scopes }
}

type change = func(*interaction.Facts)

// OpenID Connect Core §3.1.2.1, §3.1.2.3, §3.1.2.4, §3.1.2.6; FL-4, FL-7, FL-10, FL-12.
func TestDecide_TakesTheStepThatTheFactsDemand(t *testing.T) {
	t.Parallel()
	type next = interaction.Next
	nobody := func(f *interaction.Facts) { f.Session, f.User, f.Granted = nil, nil, nil }
	trusted := func(f *interaction.Facts) { f.Client.Trusted = true }
	open := func(f *interaction.Facts) { f.MayRegister = true }
	selectedNow := func(f *interaction.Facts) { f.Steps.SelectedUserID = "ann" }
	create := next{Step: interaction.Create, Reason: "prompt_create"}
	always := func(f *interaction.Facts) { f.Client.AlwaysReauthenticate = true }
	hint := func(sub string) change { return func(f *interaction.Facts) { f.HintUserID = sub } }
	selected := func(id string) change { return func(f *interaction.Facts) { f.Steps.SelectedUserID = id } }
	done := next{Step: interaction.Done}
	login := func(reason string) next { return next{Step: interaction.Login, Reason: reason} }
	consent := func(reason string) next { return next{Step: interaction.Consent, Reason: reason} }
	fail := func(reason, code string) next { return next{Step: interaction.Fail, Reason: reason, Error: code} }

	for _, c := range []struct {
		name    string
		changes []change
		want    next
	}{
		{"session and grant", nil, done},
		{"acr_values are a wish", []change{func(f *interaction.Facts) { f.ACRValues = []string{"gold"} }}, done},

		{"nobody signed in", []change{nobody}, login("no_session")},
		{"idle session", []change{func(f *interaction.Facts) { f.Session.IdleExpiresAt = at }}, login("no_session")},
		{"session at its absolute limit", []change{func(f *interaction.Facts) { f.Session.ExpiresAt = at }}, login("no_session")},
		{"disabled user", []change{func(f *interaction.Facts) { f.User.State = idp.UserDisabled }}, login("no_session")},
		{"pending user", []change{func(f *interaction.Facts) { f.User.State = idp.UserPending }}, login("no_session")},
		{"session of another user than given", []change{func(f *interaction.Facts) { f.Session.UserID = "bob" }}, login("no_session")},

		{"prompt=login", []change{prompt("login")}, login("prompt_login")},
		{"prompt=login, done", []change{prompt("login"), loggedInNow}, done},
		{"prompt=login, done in the same instant", []change{prompt("login"), func(f *interaction.Facts) { f.Session.AuthTime, f.Steps.LoginAt = at, &at }}, done},
		{"prompt=login, signed in in another tab", []change{prompt("login"), authTime(at.Add(time.Second))}, login("prompt_login")},
		{"prompt=login, done, but the session is an older one", []change{prompt("login"), loggedInNow, authTime(at.Add(-time.Second))}, login("prompt_login")},
		{"prompt=login, step of an earlier request", []change{prompt("login"), func(f *interaction.Facts) { f.Steps.LoginAt = ptr(at.Add(-time.Second)) }}, login("prompt_login")},
		{"client always asks", []change{always}, login("always_reauthenticate")},
		{"client always asks, done", []change{always, loggedInNow}, done},

		{"max_age met", []change{maxAge(3600)}, done},
		{"max_age exceeded", []change{maxAge(3599)}, login("max_age")},
		{"max_age exceeded, done", []change{maxAge(1), loggedInNow}, done},
		{"max_age exceeded, signed in in another tab", []change{maxAge(1), authTime(at.Add(time.Second))}, done},
		{"max_age=0", []change{maxAge(0)}, login("max_age")},
		{"max_age=0, signed in in the same instant", []change{maxAge(0), authTime(at)}, login("max_age")},
		{"max_age=0, done", []change{maxAge(0), loggedInNow}, done},
		{"max_age beyond all time", []change{maxAge(math.MaxInt64)}, done},
		{"max_age negative", []change{maxAge(-1)}, fail("max_age_negative", "invalid_request")},
		{"client's default max_age", []change{func(f *interaction.Facts) { f.Client.DefaultMaxAge = ptr(int64(60)) }}, login("max_age")},
		{"the request's max_age goes before the client's", []change{maxAge(7200), func(f *interaction.Facts) { f.Client.DefaultMaxAge = ptr(int64(60)) }}, done},
		{"client's session age exceeded", []change{func(f *interaction.Facts) { f.Client.MaxSessionAge = 600 }}, login("client_max_session_age")},
		{"client's session age met", []change{func(f *interaction.Facts) { f.Client.MaxSessionAge = 3600 }}, done},
		{"client's session age exceeded, done", []change{func(f *interaction.Facts) { f.Client.MaxSessionAge = 600 }, loggedInNow}, done},

		{"hint fits", []change{hint("ann")}, done},
		{"hint names another", []change{hint("bob")}, login("hint_mismatch")},
		{"hint names another, who did not sign in", []change{hint("bob"), loggedInNow}, login("hint_mismatch")},
		{"hint, nobody signed in", []change{hint("bob"), nobody}, login("no_session")},

		{"prompt=select_account", []change{prompt("select_account")}, next{Step: interaction.SelectAccount, Reason: "select_account"}},
		{"prompt=select_account, done", []change{prompt("select_account"), selected("ann")}, done},
		{"prompt=select_account, another was chosen", []change{prompt("select_account"), selected("bob")}, next{Step: interaction.SelectAccount, Reason: "select_account"}},
		{"prompt=select_account, signing in is choosing", []change{prompt("select_account"), loggedInNow}, done},
		{"prompt=select_account, nobody signed in", []change{prompt("select_account"), nobody}, login("no_session")},
		{"prompt=login select_account", []change{prompt("select_account", "login")}, login("prompt_login")},
		{"select_account before consent", []change{prompt("select_account"), granted()}, next{Step: interaction.SelectAccount, Reason: "select_account"}},

		{"nothing granted", []change{granted()}, consent("new_scopes")},
		{"a new scope", []change{granted("openid")}, consent("new_scopes")},
		{"a new scope, allowed now", []change{granted("openid"), consented("ann", "openid", "email")}, done},
		{"a new scope, less allowed", []change{granted("openid"), consented("ann", "openid")}, consent("new_scopes")},
		{"a new scope, allowed by another", []change{granted("openid"), consented("bob", "openid", "email")}, consent("new_scopes")},
		{"trusted client", []change{granted(), trusted}, done},
		{"prompt=consent", []change{prompt("consent")}, consent("prompt_consent")},
		{"prompt=consent, done", []change{prompt("consent"), consented("ann", "email", "openid")}, done},
		{"prompt=consent, trusted client", []change{prompt("consent"), trusted}, consent("prompt_consent")},
		{"prompt=login consent", []change{prompt("login", "consent")}, login("prompt_login")},
		{"prompt=login consent, signed in", []change{prompt("login", "consent"), loggedInNow}, consent("prompt_consent")},
		{"login before consent", []change{nobody}, login("no_session")},
		{"said no", []change{granted(), func(f *interaction.Facts) { f.Steps.Denied = true }}, fail("denied", "access_denied")},
		{"said no at sign-in", []change{nobody, func(f *interaction.Facts) { f.Steps.Denied = true }}, fail("denied", "access_denied")},

		{"prompt=none", []change{prompt("none")}, done},
		{"prompt=none, nobody", []change{prompt("none"), nobody}, fail("no_session", "login_required")},
		{"prompt=none, max_age=0", []change{prompt("none"), maxAge(0)}, fail("max_age", "login_required")},
		{"prompt=none, max_age exceeded", []change{prompt("none"), maxAge(60)}, fail("max_age", "login_required")},
		{"prompt=none, client always asks", []change{prompt("none"), always}, fail("always_reauthenticate", "login_required")},
		{"prompt=none, hint names another", []change{prompt("none"), hint("bob")}, fail("hint_mismatch", "login_required")},
		{"prompt=none, a new scope", []change{prompt("none"), granted("openid")}, fail("new_scopes", "consent_required")},
		{"prompt=none, trusted client", []change{prompt("none"), granted(), trusted}, done},
		{"prompt=none twice", []change{prompt("none", "none")}, fail("prompt_none_with_others", "invalid_request")},
		{"prompt=none login", []change{prompt("none", "login")}, fail("prompt_none_with_others", "invalid_request")},
		{"prompt=consent none", []change{prompt("consent", "none")}, fail("prompt_none_with_others", "invalid_request")},
		{"prompt=create where nobody may register", []change{prompt("create")}, fail("prompt_unknown", "invalid_request")},
		{"prompt=create", []change{prompt("create"), open, nobody}, create},
		{"prompt=create, signed in before", []change{prompt("create"), open}, create},
		{"prompt=create, made or signed in now", []change{prompt("create"), open, loggedInNow, selectedNow}, done},
		{"prompt=create, goes on with the account they have", []change{prompt("create"), open, selectedNow}, done},
		{"prompt=create, another's choice", []change{prompt("create"), open, func(f *interaction.Facts) { f.Steps.SelectedUserID = "bob" }}, create},
		{"prompt=create, made, and the session ended", []change{prompt("create"), open, loggedInNow, selectedNow, func(f *interaction.Facts) { f.Session.ExpiresAt = at }}, create},
		{"prompt=create login", []change{prompt("create", "login"), open}, create},
		{"prompt=create login, made", []change{prompt("create", "login"), open, loggedInNow, selectedNow}, done},
		{"prompt=create login, goes on with the account they have", []change{prompt("create", "login"), open, selectedNow}, login("prompt_login")},
		{"prompt=create select_account, made", []change{prompt("create", "select_account"), open, loggedInNow, selectedNow}, done},
		{"prompt=create consent, made", []change{prompt("create", "consent"), open, loggedInNow, selectedNow}, consent("prompt_consent")},
		{"prompt=create, max_age=0, made", []change{prompt("create"), open, maxAge(0), loggedInNow, selectedNow}, done},
		{"prompt=create, said no", []change{prompt("create"), open, func(f *interaction.Facts) { f.Steps.Denied = true }}, fail("denied", "access_denied")},
		{"prompt=create none", []change{prompt("create", "none"), open}, fail("prompt_none_with_others", "invalid_request")},
		{"prompt=create with a hint", []change{prompt("create"), open, hint("ann")}, fail("prompt_create_with_hint", "invalid_request")},
		{"prompt unknown", []change{prompt("register"), open}, fail("prompt_unknown", "invalid_request")},
		{"prompt empty word", []change{prompt("")}, fail("prompt_unknown", "invalid_request")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := signedIn()
			for _, change := range c.changes {
				change(&f)
			}
			if got := interaction.Decide(f, at); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// Whatever happens, prompt=none never leads to a page (OpenID Connect Core §3.1.2.1; FL-7).
func TestDecide_NoneNeverShowsAPage(t *testing.T) {
	t.Parallel()
	for bits := range 1 << 7 {
		f := signedIn()
		for i, change := range []change{
			func(f *interaction.Facts) { f.Session, f.User = nil, nil },
			func(f *interaction.Facts) { f.HintUserID = "bob" },
			maxAge(0),
			func(f *interaction.Facts) { f.Client.AlwaysReauthenticate = true },
			granted(),
			func(f *interaction.Facts) { f.Client.Trusted = true },
			func(f *interaction.Facts) { f.Steps.SelectedUserID = "bob" },
		} {
			if bits&(1<<i) != 0 {
				change(&f)
			}
		}
		f.Prompts = []string{"none"}
		got := interaction.Decide(f, at)
		if got.Step != interaction.Done && (got.Step != interaction.Fail || got.Error == "") {
			t.Errorf("facts %07b: got %+v, want done or an error", bits, got)
		}
	}
}

// What Decide takes by age, the statement that issues a code must take too, and the other way round.
func TestMinAuthTime_AgreesWithDecide(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		changes []change
		want    time.Duration // before the request; 0: no limit
		ok      bool
	}{
		{"no limit", nil, 0, true},
		{"max_age", []change{maxAge(60)}, time.Minute, true},
		{"client's default", []change{func(f *interaction.Facts) { f.Client.DefaultMaxAge = ptr(int64(90)) }}, 90 * time.Second, true},
		{"the shorter of two", []change{maxAge(600), func(f *interaction.Facts) { f.Client.MaxSessionAge = 30 }}, 30 * time.Second, true},
		{"the shorter of two, swapped", []change{maxAge(20), func(f *interaction.Facts) { f.Client.MaxSessionAge = 30 }}, 20 * time.Second, true},
		{"beyond all time", []change{maxAge(math.MaxInt64)}, 0, true},
		{"max_age=0", []change{maxAge(0)}, 0, false},
		{"prompt=login", []change{prompt("login")}, 0, false},
		{"client always asks", []change{func(f *interaction.Facts) { f.Client.AlwaysReauthenticate = true }}, 0, false},
	} {
		f := signedIn()
		for _, change := range c.changes {
			change(&f)
		}
		oldest, ok := f.MinAuthTime()
		if ok != c.ok {
			t.Errorf("%s: got ok %v, want %v", c.name, ok, c.ok)
			continue
		}
		if !ok {
			continue
		}
		if c.want == 0 {
			if !oldest.IsZero() {
				t.Errorf("%s: got %v, want no limit", c.name, oldest)
			}
			continue
		}
		if got := at.Sub(oldest); got != c.want {
			t.Errorf("%s: got %v before the request, want %v", c.name, got, c.want)
		}
		f.Session.AuthTime = oldest
		if got := interaction.Decide(f, at).Step; got != interaction.Done {
			t.Errorf("%s: at the limit: got %s, want done", c.name, got)
		}
		f.Session.AuthTime = oldest.Add(-time.Microsecond)
		if got := interaction.Decide(f, at).Step; got != interaction.Login {
			t.Errorf("%s: just over the limit: got %s, want login", c.name, got)
		}
	}
}

// RFC 8252 §8.6: what was allowed before is no answer for a client that anybody could be.
func TestDecide_UnassuredClientIsAllowedEachTime(t *testing.T) {
	t.Parallel()
	now := time.Now()
	f := interaction.Facts{
		Client: &idp.Client{}, Scopes: []string{"openid"}, RequestedAt: now, Unassured: true, Granted: []string{"openid"},
		User: &idp.User{ID: "u", State: idp.UserActive}, Session: &idp.Session{UserID: "u", AuthTime: now, IdleExpiresAt: now.Add(time.Hour), ExpiresAt: now.Add(time.Hour)},
	}
	if got := interaction.Decide(f, now); got.Step != interaction.Consent || got.Reason != interaction.ReasonUnassured {
		t.Errorf("with a grant: got %+v, want consent", got)
	}
	f.Steps = idp.Steps{ConsentUserID: "u", ConsentedScopes: []string{"openid"}}
	if got := interaction.Decide(f, now); got.Step != interaction.Done {
		t.Errorf("allowed just now: got %+v, want done", got)
	}
	f.Steps = idp.Steps{}
	f.Prompts = []string{interaction.PromptNone}
	if got := interaction.Decide(f, now); got.Error != idp.CodeConsentRequired {
		t.Errorf("silently: got %+v, want %s", got, idp.CodeConsentRequired)
	}
	f.Prompts, f.Client = nil, &idp.Client{Trusted: true}
	if got := interaction.Decide(f, now); got.Step != interaction.Done {
		t.Errorf("trusted by the operator: got %+v, want done", got)
	}
}
