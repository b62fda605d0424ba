package account_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"idp/internal/account"
	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/upstream/upstreamtest"
)

func TestSignInUpstream_FirstSignInMakesAnAccountAndTheNextFindsIt(t *testing.T) { // PS-10, FD-11
	t.Parallel()
	w, op := newWorld(t), upstreamtest.NewInProcess(t)
	p := provider(t, op, nil)
	who := upstreamtest.Person{
		Subject: "s1", Email: "New@Corp.example", EmailVerified: true, Name: "Nora New", GivenName: "Nora", FamilyName: "New",
		Extra: map[string]any{"preferred_username": "Nora New", "picture": "https://corp.example/n.png", "locale": "de"},
	}
	out := w.upstream(t, p, outside(t, op, p, who))
	u := out.User
	if u == nil || !out.Created {
		t.Fatalf("got %+v, want a new user", out)
	}
	stored := w.user(t, u.ID)
	if stored.Email != "new@corp.example" || !stored.EmailVerified || stored.Username != "Nora.New" || stored.State != idp.UserActive || len(stored.Roles) != 0 {
		t.Errorf("got %+v, want the upstream's address and a username made of its", stored)
	}
	if got := stored.Profile; got.Name != "Nora New" || got.GivenName != "Nora" || got.Picture != "https://corp.example/n.png" || got.Locale != "de" {
		t.Errorf("got profile %+v, want the upstream's", got)
	}
	again := w.upstream(t, p, outside(t, op, p, who))
	if again.User == nil || again.User.ID != u.ID || again.Created {
		t.Errorf("the second sign-in: got %+v, want the same user", again)
	}
	w.wantEvents(t, u.ID, audit.UserCreated, audit.IdentityLinked)
}

func TestSignInUpstream_IdentityIsIssuerAndSubjectByteForByte(t *testing.T) { // PS-4, SEC-15, FL-3
	t.Parallel()
	w, op, other := newWorld(t), upstreamtest.NewInProcess(t), upstreamtest.NewInProcess(t)
	p := provider(t, op, nil)
	otherP := provider(t, other, func(p *idp.Provider) { p.ID = "other" })
	seen := map[string]string{}
	for _, sub := range []string{"Ab", "aB", "ab", "Ab.", "ａb"} {
		out := w.upstream(t, p, outside(t, op, p, upstreamtest.Person{Subject: sub}))
		if out.User == nil {
			t.Fatalf("subject %q: got %+v, want a user", sub, out)
		}
		if first, twice := seen[out.User.ID]; twice {
			t.Errorf("subjects %q and %q are one user", first, sub)
		}
		seen[out.User.ID] = sub
	}
	if out := w.upstream(t, otherP, outside(t, other, otherP, upstreamtest.Person{Subject: "Ab"})); seen[out.User.ID] != "" {
		t.Error("the same subject at another issuer is the same user")
	}

	ursula := upstreamtest.Person{Subject: "u-1", Email: "ursula@corp.example", EmailVerified: true}
	u := w.upstream(t, p, outside(t, op, p, ursula)).User
	moved := ursula
	moved.Email = "ursula.married@corp.example"
	if out := w.upstream(t, p, outside(t, op, p, moved)); out.User == nil || out.User.ID != u.ID || out.User.Email != "ursula@corp.example" {
		t.Errorf("a new address at the upstream: got %+v, want the same user with the address as it is here", out)
	}
	recycled := ursula
	recycled.Subject = "u-2"
	if out := w.upstream(t, p, outside(t, op, p, recycled)); out.User != nil || out.NeedsProof == nil {
		t.Errorf("the same address with a new subject: got %+v, want a demand for proof", out)
	}
	named := upstreamtest.Person{Subject: "u-3", Extra: map[string]any{"preferred_username": "ursula", "upn": "ursula@corp.example"}}
	if out := w.upstream(t, p, outside(t, op, p, named)); out.User == nil || out.User.ID == u.ID {
		t.Errorf("a name that looks like hers: got %+v, want another user", out)
	}
}

func TestSignInUpstream_AddressNeverOpensAnAccountByItself(t *testing.T) { // SEC-7, PS-9, FD-15
	t.Parallel()
	untrusted := func(p *idp.Provider) { p.TrustEmail = false }
	automatic := func(p *idp.Provider) { p.Linking = idp.LinkAutomatic }
	apple := func(p *idp.Provider) { p.Linking, p.EmailVerifiedText = idp.LinkAutomatic, true }
	google := func(p *idp.Provider) { p.Type, p.Linking = "google", idp.LinkAutomatic }
	for _, c := range []struct {
		name     string
		provider func(*idp.Provider)
		verified any
		extra    map[string]any
		hd       string
		linked   bool
	}{
		{name: "verified is false", provider: automatic, verified: false},
		{name: "verified is absent", provider: automatic, verified: nil},
		{name: "verified is a text", provider: automatic, verified: "true"},
		{name: "verified is a number", provider: automatic, verified: 1},
		{name: "untrusted provider", provider: untrusted, verified: true},
		{name: "trusted, but the policy asks for proof", provider: nil, verified: true},
		{name: "Google does not speak for the domain", provider: google, verified: true},
		{name: "certain on all sides", provider: automatic, verified: true, linked: true},
		{name: "a text, where the provider is known for it", provider: apple, verified: "true", linked: true},
		{name: "Google speaks for its Workspace", provider: google, verified: true, hd: "corp.example", linked: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, op := newWorld(t), upstreamtest.NewInProcess(t)
			u := w.ursula(t)
			p := provider(t, op, c.provider)
			before := w.user(t, u.ID)
			out := w.upstream(t, p, outside(t, op, p, upstreamtest.Person{
				Subject: "attacker", Email: "Ursula@CORP.example", EmailVerified: c.verified, Extra: c.extra, HostedDomain: c.hd,
			}))
			if c.linked {
				if out.User == nil || out.User.ID != u.ID || len(w.links(t, u.ID)) != 1 {
					t.Errorf("got %+v, want ursula signed in and linked", out)
				}
				return
			}
			if out.User != nil || out.NeedsProof == nil || out.NeedsProof.User.ID != u.ID || !out.NeedsProof.HasPassword {
				t.Errorf("got %+v, want a demand for proof of ursula's account", out)
			}
			if len(w.users(t)) != 1 || len(w.links(t, u.ID)) != 0 || !w.passwordWorks(t, "ursula", goodPassword) {
				t.Error("a row, a link or her password changed without proof")
			}
			if after := w.user(t, u.ID); !after.UpdatedAt.Equal(before.UpdatedAt) {
				t.Error("her account was written to")
			}
		})
	}
}

func TestSignInUpstream_PolicyNeverLinksByAddress(t *testing.T) { // PS-9
	t.Parallel()
	w, op := newWorld(t), upstreamtest.NewInProcess(t)
	u := w.ursula(t)
	p := provider(t, op, func(p *idp.Provider) { p.Linking = idp.LinkNever })
	out := w.upstream(t, p, outside(t, op, p, upstreamtest.Person{Subject: "s", Email: u.Email, EmailVerified: true}))
	wantKind(t, out.Refused, idp.Conflict, account.CodeAddressInUse)
	if len(w.users(t)) != 1 || len(w.links(t, u.ID)) != 0 {
		t.Error("something was linked or made")
	}
	if got := w.events(t, u.ID); !slices.Contains(got, string(audit.IdentityRefused)) {
		t.Errorf("got events %v, want the refusal among them", got)
	}
}

func TestSignInUpstream_UnconfirmedAccountIsEmptiedForTheOwnerOfItsAddress(t *testing.T) { // SEC-8
	t.Parallel()
	for _, state := range []idp.UserState{idp.UserPending, idp.UserActive} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			w, op, evil := newWorld(t), upstreamtest.NewInProcess(t), upstreamtest.NewInProcess(t)
			// The attacker registers the victim's address, links an identity of his own, signs in, and waits.
			trap := w.create(t, account.NewUser{Email: "victim@corp.example", Username: "trap", Password: goodPassword, State: state})
			evilP := provider(t, evil, func(p *idp.Provider) { p.ID, p.TrustEmail = "evil", false })
			if state == idp.UserActive {
				proof := w.upstream(t, evilP, outside(t, evil, evilP, upstreamtest.Person{Subject: "attacker", Email: trap.Email})).NeedsProof
				if err := w.accounts.LinkIdentity(t.Context(), trap.ID, proof.Pending); err != nil {
					t.Fatal(err)
				}
			}
			w.signIn(t, trap)
			if err := w.store.PutGrant(t.Context(), trap.ID, "evil-app", []string{"openid"}, trap.CreatedAt); err != nil {
				t.Fatal(err)
			}

			p := provider(t, op, nil)
			victim := upstreamtest.Person{Subject: "victim", Email: "victim@corp.example", EmailVerified: true, Name: "Vic Tim"}
			out := w.upstream(t, p, outside(t, op, p, victim))
			if out.User == nil || !out.User.EmailVerified || out.User.State != idp.UserActive {
				t.Fatalf("got %+v, want the victim signed in", out)
			}
			if w.passwordWorks(t, "victim@corp.example", goodPassword) || w.passwordWorks(t, "trap", goodPassword) {
				t.Error("the attacker's password still works")
			}
			if got := w.sessionsOf(t, out.User.ID); len(got) != 0 {
				t.Errorf("the attacker's sessions live: %v", got)
			}
			if got := w.links(t, out.User.ID); len(got) != 1 || got[0].Subject != "victim" {
				t.Errorf("got links %+v, want the victim's alone", got)
			}
			if grants, err := w.store.GrantsOf(t.Context(), out.User.ID); err != nil || len(grants) != 0 {
				t.Errorf("the attacker's consents stay: %v, %v", grants, err)
			}
			if state == idp.UserActive {
				again := w.upstream(t, evilP, outside(t, evil, evilP, upstreamtest.Person{Subject: "attacker", Email: trap.Email}))
				if again.User != nil {
					t.Errorf("the attacker's identity still signs in: %+v", again)
				}
			}
		})
	}
}

func TestSignInUpstream_UnconfirmedAccountIsNotEmptiedWithoutCertainty(t *testing.T) { // SEC-7, SEC-8
	t.Parallel()
	for _, c := range []struct {
		name     string
		provider func(*idp.Provider)
		verified any
		roles    []string
		state    idp.UserState
		want     string // proof, refused, in_use, no_account
	}{
		{name: "untrusted provider", provider: func(p *idp.Provider) { p.TrustEmail = false }, verified: true, want: "proof"},
		{name: "unverified there too", verified: false, want: "proof"},
		{name: "an operator gave it roles", verified: true, roles: []string{"admin"}, want: "proof"},
		{name: "an operator gave it roles, and linking is automatic", provider: func(p *idp.Provider) { p.Linking = idp.LinkAutomatic }, verified: true, roles: []string{"admin"}, want: "proof"},
		{name: "active, and nothing is linked", provider: func(p *idp.Provider) { p.Linking = idp.LinkNever }, verified: true, want: "in_use"},
		{name: "disabled", verified: true, state: idp.UserDisabled, want: "proof"},
		{name: "pending, and no accounts are made", provider: func(p *idp.Provider) { p.Provision = false }, verified: true, state: idp.UserPending, want: "refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, op := newWorld(t), upstreamtest.NewInProcess(t)
			u := w.create(t, account.NewUser{Email: "ursula@corp.example", Password: goodPassword, Roles: c.roles, State: c.state})
			p := provider(t, op, c.provider)
			out := w.upstream(t, p, outside(t, op, p, upstreamtest.Person{Subject: "s", Email: u.Email, EmailVerified: c.verified}))
			switch c.want {
			case "proof":
				if out.NeedsProof == nil {
					t.Errorf("got %+v, want a demand for proof", out)
				}
			case "in_use":
				wantKind(t, out.Refused, idp.Conflict, account.CodeAddressInUse)
			case "refused":
				wantRefused(t, out.Refused)
			}
			login, err := w.store.PasswordOf(t.Context(), u.ID)
			if err != nil || login.Credential == nil || login.User.EmailVerified || len(w.links(t, u.ID)) != 0 {
				t.Errorf("the account changed: %+v, %v", login, err)
			}
		})
	}
}

func TestSignInUpstream_NoProvisionMakesNoRow(t *testing.T) { // PS-10
	t.Parallel()
	w, op := newWorld(t), upstreamtest.NewInProcess(t)
	p := provider(t, op, func(p *idp.Provider) { p.Provision = false })
	out := w.upstream(t, p, outside(t, op, p, upstreamtest.Person{Subject: "stranger", Email: "s@corp.example", EmailVerified: true}))
	wantKind(t, out.Refused, idp.Forbidden, account.CodeNoAccount)
	if len(w.users(t)) != 0 {
		t.Error("a row was made")
	}
}

func TestSignInUpstream_DomainRulesLetNobodyWithoutAnAddressIn(t *testing.T) { // PS-5, FD-11
	t.Parallel()
	w, op := newWorld(t), upstreamtest.NewInProcess(t)
	p := provider(t, op, func(p *idp.Provider) { p.AllowedDomains = []string{"corp.example"} })
	for _, c := range []struct {
		name, email string
		verified    any
		in          bool
	}{
		{"no address", "", nil, false},
		{"unverified", "a@corp.example", false, false},
		{"another domain behind it", "u@corp.example.evil", true, false},
		{"quoted", `"a@corp.example"@evil.example`, true, false},
		{"capitals", "u@CORP.example", true, true},
	} {
		claims, err := tryOutside(t.Context(), op, p, upstreamtest.Person{Subject: c.name, Email: c.email, EmailVerified: c.verified})
		if !c.in {
			wantKind(t, err, idp.Forbidden, "")
			continue
		}
		if out := w.upstream(t, p, claims); err != nil || out.User == nil {
			t.Errorf("%s: got %+v, %v, want a user", c.name, out, err)
		}
	}
	if got := len(w.users(t)); got != 1 {
		t.Errorf("got %d users, want the one who may come in", got)
	}
}

func TestSignInUpstream_ParallelFirstSignInsMakeOneUser(t *testing.T) { // PS-11
	t.Parallel()
	w, op := newWorld(t), upstreamtest.NewInProcess(t)
	p := provider(t, op, nil)
	const rounds, n = 4, 20
	for round := range rounds { // the race has several outcomes, and each must be right
		claims := outside(t, op, p, upstreamtest.Person{
			Subject: fmt.Sprint("s", round), Email: fmt.Sprintf("s%d@corp.example", round), EmailVerified: true,
			Extra: map[string]any{"preferred_username": "sam"},
		})
		got, errs := make([]account.Outcome, n), make([]error, n)
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() { got[i], errs[i] = w.accounts.SignInUpstream(t.Context(), p, claims) })
		}
		all.Wait()
		created := 0
		ids := map[string]bool{}
		for i := range n {
			if errs[i] != nil || got[i].User == nil {
				t.Errorf("round %d, sign-in %d: got %+v, %v, want a user", round, i, got[i], errs[i])
				continue
			}
			ids[got[i].User.ID] = true
			if got[i].Created {
				created++
			}
		}
		if users := len(w.users(t)); len(ids) != 1 || created != 1 || users != round+1 {
			t.Errorf("round %d: %d users signed in, %d were created, %d are there, want one new one", round, len(ids), created, users)
		}
		for id := range ids {
			if links := w.links(t, id); len(links) != 1 {
				t.Errorf("round %d: got %d links, want one", round, len(links))
			}
		}
	}
}

func TestSignInUpstream_WritesOnlyEmptyProfileFields(t *testing.T) { // PS-13, PS-12
	t.Parallel()
	w, op := newWorld(t), upstreamtest.NewInProcess(t)
	p := provider(t, op, func(p *idp.Provider) { p.Linking = idp.LinkAutomatic })
	u := w.create(t, account.NewUser{
		Email: "ursula@corp.example", EmailVerified: true, Username: "ursula", Password: goodPassword, Roles: []string{"user"},
		Profile: idp.Profile{Name: "Ursula Local", Nickname: "Ulla"},
	})
	out := w.upstream(t, p, outside(t, op, p, upstreamtest.Person{
		Subject: "s", Email: u.Email, EmailVerified: true, Name: "Mallory", GivenName: "Ursula",
		Extra: map[string]any{
			"roles": []string{"admin"}, "is_admin": true, "groups": []string{"admin"}, "state": "active", "phone_number": "+1", "phone_number_verified": true,
			"preferred_username": "mallory", "locale": "not a locale!", "picture": "javascript:alert(1)", "password": "x", "nickname": "Mal",
		},
	}))
	if out.User == nil {
		t.Fatalf("got %+v, want ursula", out)
	}
	got := w.user(t, u.ID)
	if got.Profile.Name != "Ursula Local" || got.Profile.GivenName != "Ursula" || got.Profile.Nickname != "Ulla" {
		t.Errorf("got profile %+v, want the given name filled in and nothing overwritten", got.Profile)
	}
	if got.Profile.Locale != "" || got.Profile.Picture != "" || got.Profile.PhoneNumber != "" {
		t.Errorf("got profile %+v, want nothing of what is broken or not an upstream's to say", got.Profile)
	}
	if !slices.Equal(got.Roles, []string{"user"}) || got.Username != "ursula" || got.Email != u.Email || !w.passwordWorks(t, "ursula", goodPassword) {
		t.Errorf("got %+v, want roles, name, address and password as they were", got)
	}
}

func TestSignInUpstream_UnverifiedAddressIsNotKept(t *testing.T) { // FD-12, PS-8
	t.Parallel()
	w, op := newWorld(t), upstreamtest.NewInProcess(t)
	p := provider(t, op, nil)
	out := w.upstream(t, p, outside(t, op, p, upstreamtest.Person{Subject: "s", Email: "victim@corp.example", EmailVerified: false}))
	if out.User == nil || out.User.Email != "" || out.User.EmailVerified {
		t.Errorf("got %+v, want a user without an address", out.User)
	}
	u := w.create(t, account.NewUser{Email: "victim@corp.example", EmailVerified: true})
	if got := w.links(t, out.User.ID); len(got) != 1 || got[0].Email != "victim@corp.example" || u.ID == out.User.ID {
		t.Errorf("got %+v, want the address kept for the operator's eyes, and free for its owner", got)
	}

	untrusted := provider(t, op, func(p *idp.Provider) { p.TrustEmail = false })
	out = w.upstream(t, untrusted, outside(t, op, untrusted, upstreamtest.Person{Subject: "t", Email: "t@corp.example", EmailVerified: true}))
	if out.User == nil || out.User.Email != "t@corp.example" || out.User.EmailVerified {
		t.Errorf("got %+v, want the address, but not the word of a provider that is not trusted with addresses", out.User)
	}
}

func TestSignInUpstream_UsernamesAreFreeAndNotReserved(t *testing.T) { // PS-7, FS-13
	t.Parallel()
	w, op := newWorld(t), upstreamtest.NewInProcess(t)
	p := provider(t, op, nil)
	w.create(t, account.NewUser{Username: "Sam", Password: goodPassword})
	w.create(t, account.NewUser{Sub: "Moved", Email: "moved@corp.example", Password: goodPassword}) // a sub is nobody else's username
	for i, c := range []struct{ preferred, want string }{
		{"sam", "sam2"},
		{"SAM", "SAM3"},
		{"admin", "admin2"},
		{"Root", "Root2"},
		{"Moved", "Moved2"},
		{"\u0430dmin", ""}, // a Cyrillic letter among Latin ones (FS-12)
		{"Жанна", "Жанна"},
		{"Zoë Müller", "Zoë.Müller"},
		{"jo@corp.example", "jo"},
		{"--- !", ""},
		{"x", ""},
		{strings.Repeat("long", 40), strings.Repeat("long", 15)},
	} {
		out := w.upstream(t, p, outside(t, op, p, upstreamtest.Person{
			Subject: fmt.Sprint(i), Extra: map[string]any{"preferred_username": c.preferred},
		}))
		if out.User == nil || out.User.Username != c.want {
			t.Errorf("%q: got %+v, want the username %q", c.preferred, out.User, c.want)
		}
	}
}

func TestSignInUpstream_RefusesClaimsOfAnotherProvider(t *testing.T) {
	t.Parallel()
	w, op, other := newWorld(t), upstreamtest.NewInProcess(t), upstreamtest.NewInProcess(t)
	p, otherP := provider(t, op, nil), provider(t, other, nil)
	claims := outside(t, op, p, upstreamtest.Person{Subject: "s"})
	if out, err := w.accounts.SignInUpstream(t.Context(), otherP, claims); err == nil {
		t.Errorf("got %+v, want an error", out)
	}
	claims.Subject = ""
	if out, err := w.accounts.SignInUpstream(t.Context(), p, claims); err == nil {
		t.Errorf("no subject: got %+v, want an error", out)
	}
}
