package interaction_test

import (
	"reflect"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/interaction"
)

// A server with a password, and an upstream that may vouch for gold. Platinum is there, and nobody gets it.
func contextual() interaction.Facts {
	f := signedIn()
	f.Contexts = idp.AuthenticationContexts{{ACR: "low", AMR: []string{"pwd"}}, {ACR: "gold"}, {ACR: "platinum"}}
	f.Session.AMR = []string{"pwd"}
	f.Ways = []idp.Way{{AMR: []string{"pwd"}, Theirs: true}, {ProviderID: "corp", Contexts: []string{"gold"}, Theirs: true}}
	return f
}

// OpenID Connect Core §3.1.2.1, §5.5.1.1; RFC 9470 §5; OpenID Connect Core Unmet Authentication Requirements 1.0.
func TestDecide_AuthenticationContextsAreMetOrAskedFor(t *testing.T) {
	t.Parallel()
	type next = interaction.Next
	wish := func(acr ...string) change { return func(f *interaction.Facts) { f.ACRValues = acr } }
	demand := func(acr ...string) change {
		return func(f *interaction.Facts) { f.RequiredACR, f.ACRValues = acr, acr }
	}
	nobody := func(f *interaction.Facts) { f.Session, f.User, f.Granted = nil, nil, nil }
	byUpstream := func(vouched ...string) change {
		return func(f *interaction.Facts) {
			f.Session.AMR, f.Session.Contexts, f.Session.ProviderID = nil, vouched, "corp"
		}
	}
	noPassword := func(f *interaction.Facts) { f.Ways[0].Theirs = false }
	notLinked := func(f *interaction.Facts) { f.Ways[1].Theirs = false }
	noUpstream := func(f *interaction.Facts) { f.Ways = f.Ways[:1] }
	asked := func(f *interaction.Facts) { f.Steps.Contexts = []string{"gold"} }
	done := next{Step: interaction.Done}
	login := func(reason string, contexts ...string) next {
		return next{Step: interaction.Login, Reason: reason, Contexts: contexts}
	}
	unmet := next{Step: interaction.Fail, Reason: "acr", Error: "unmet_authentication_requirements"}
	loginRequired := func(reason string) next {
		return next{Step: interaction.Fail, Reason: reason, Error: "login_required"}
	}

	for _, c := range []struct {
		name    string
		changes []change
		want    next
	}{
		{"a wish that is met", []change{wish("low")}, done},
		{"the second wish is met", []change{wish("gold", "low")}, done},
		{"a wish that another way can meet", []change{wish("gold")}, login("acr", "gold")},
		{"a wish, and the way is not the person's", []change{wish("gold"), notLinked}, done},
		{"a wish that nothing here can meet", []change{wish("platinum")}, done},
		{"wishes, of which one can be met", []change{wish("platinum", "gold")}, login("acr", "gold")},
		{"a wish, asked for, signed in, not met", []change{wish("gold"), asked, loggedInNow}, done},
		{"a wish, signed in another way before it was asked for", []change{wish("gold"), loggedInNow}, login("acr", "gold")},
		{"a wish for less than there is", []change{wish("low"), byUpstream("gold")}, done},
		{"a wish, the upstream vouched for nothing, a password is there", []change{wish("low"), byUpstream()}, login("acr", "low")},
		{"a wish, the upstream vouched for nothing, no password", []change{wish("low"), byUpstream(), noPassword}, done},
		{"a wish, nobody signed in", []change{wish("gold"), nobody}, login("no_session")},
		{"a wish, prompt=login", []change{wish("gold"), prompt("login")}, login("prompt_login")},
		{"a wish, prompt=none", []change{wish("gold"), prompt("none")}, done},
		{"a wish that nothing can meet, prompt=none", []change{wish("platinum"), prompt("none")}, done},

		{"a demand that is met", []change{demand("low")}, done},
		{"a demand that is met by nobody's way any more", []change{demand("gold"), byUpstream("gold"), noUpstream}, done},
		{"a demand that another way can meet", []change{demand("gold")}, login("acr", "gold")},
		{"a demand, and an account that can still be linked", []change{demand("gold"), notLinked}, login("acr", "gold")},
		{"a demand, signed in, not met", []change{demand("gold"), loggedInNow}, unmet},
		{"a demand, signed in, met", []change{demand("gold"), loggedInNow, byUpstream("gold")}, done},
		{"a demand for less than there is", []change{demand("low"), byUpstream("gold")}, login("acr", "low")},
		{"a demand for a password that is not there", []change{demand("low"), byUpstream("gold"), noPassword}, unmet},
		{"a demand that nothing here can meet", []change{demand("platinum")}, unmet},
		{"a demand for what is not known here", []change{demand("urn:example:other")}, unmet},
		{"a demand that nothing can meet, nobody signed in", []change{demand("platinum"), nobody}, unmet},
		{"a demand, nobody signed in", []change{demand("platinum", "gold"), nobody}, login("no_session", "platinum", "gold")},
		{"a demand that is met, prompt=login", []change{demand("low"), prompt("login")}, login("prompt_login", "low")},
		{"a demand, prompt=none", []change{demand("gold"), prompt("none")}, loginRequired("acr")},
		{"a demand that nothing can meet, prompt=none", []change{demand("platinum"), prompt("none")}, unmet},
		{"a demand, nobody signed in, prompt=none", []change{demand("gold"), nobody, prompt("none")}, loginRequired("no_session")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := contextual()
			for _, change := range c.changes {
				change(&f)
			}
			got := interaction.Decide(f, at)
			if got.Step == interaction.Fail {
				got.Contexts = nil
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			// The ways are looked for only where something is missing.
			if f.Ways = nil; !f.NeedsWays() {
				if got := interaction.Decide(f, at); got.Step != interaction.Fail && !reflect.DeepEqual(got, c.want) {
					t.Errorf("without ways: got %+v, want %+v", got, c.want)
				}
			}
		})
	}
}

// After one sign-in for a wish nobody is asked for it again, whatever page comes in between.
func TestDecide_AWishIsAskedForOnce(t *testing.T) {
	t.Parallel()
	f := contextual()
	f.ACRValues, f.Granted = []string{"gold"}, nil
	next := interaction.Decide(f, at)
	if next.Reason != interaction.ReasonACR {
		t.Fatalf("got %+v, want a sign-in", next)
	}
	f.Steps.Reason, f.Steps.Contexts = next.Reason, next.Contexts
	loggedInNow(&f)
	if next = interaction.Decide(f, at.Add(time.Minute)); next.Step != interaction.Consent {
		t.Fatalf("got %+v, want consent", next)
	}
	f.Steps.Reason = next.Reason
	f.Steps.ConsentUserID, f.Steps.ConsentedScopes = "ann", f.Scopes
	if next = interaction.Decide(f, at.Add(time.Minute)); next.Step != interaction.Done {
		t.Errorf("got %+v, want done", next)
	}
}
