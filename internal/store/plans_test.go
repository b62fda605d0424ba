package store_test

import (
	"context"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"idp/internal/idp"
	"idp/internal/store"
	"idp/internal/store/storetest"
)

var planRows = flag.Int("rows", 20_000, "rows of each table where plans and pages are looked at")

// requests are the statements of requests: what a person or an application waits for. Errors do not matter here, plans do.
func requests(ctx context.Context, s *store.Store, now time.Time) {
	d, later := []byte("d77"), now.Add(time.Hour)
	session := &idp.Session{ID: "new", UserID: "u77", AuthTime: now, CreatedAt: now, LastSeenAt: now, IdleExpiresAt: later, ExpiresAt: later}
	_, _ = s.LiveSession(ctx, "s77", d, now)
	_, _ = s.SessionByDigest(ctx, "s77", d)
	_, _ = s.SessionByRemember(ctx, "s77", d)
	_ = s.RestoreSession(ctx, "s77", d, d, d, later, later, now)
	_ = s.TouchSession(ctx, "s77", later, now)
	_ = s.CreateSession(ctx, session, d, nil)
	_, _ = s.SurplusSessions(ctx, "u77", 100)
	_, _ = s.Session(ctx, "s77")
	_, _ = s.Grant(ctx, "u77", "app")
	_ = s.PutGrant(ctx, "u77", "app", []string{"openid"}, now)
	c := store.IssueConditions{SessionID: "s77", SessionDigest: d, RequiredScopes: []string{"openid"}}
	_, _ = s.IssueCode(ctx, &idp.Authorization{ID: "new", ClientID: "app", CodeExpires: later, ExpiresAt: later}, d, c, now.Add(-time.Second))
	_, _ = s.RedeemCode(ctx, store.Redemption{ID: "a77", CodeDigest: d, ClientID: "app"}, now)
	_, _ = s.FailCode(ctx, "a78", []byte("d78"), now)
	rotation := store.Rotation{ID: "a77", Old: d, New: d, ClientID: "app", Idle: later}
	_, _ = s.RotateRefreshToken(ctx, rotation, now)
	rotation.Static = true
	_, _ = s.RotateRefreshToken(ctx, rotation, now)
	_, _ = s.FailRefresh(ctx, store.Rotation{ID: "a79", Old: d, ClientID: "app"}, now)
	_, _ = s.RefreshTokenNow(ctx, "a77", d, now)
	_, _, _ = s.AuthorizationNow(ctx, "a77", "j77")
	_ = s.RevokeAuthorization(ctx, "a77", "app", now)
	_ = s.RevokeAccessToken(ctx, "new", later)
	_, _ = s.AccessTokenRevoked(ctx, "j77")
	_ = s.PutOpaqueToken(ctx, []byte("new"), "", "{}", later)
	_, _ = s.OpaqueToken(ctx, d, now)
	_, _ = s.Client(ctx, "c77")
	_, _ = s.ClientsAtOrigin(ctx, "https://77.example", store.Page{Limit: 50})
	pending := &idp.PendingAuthorization{ID: "new", Kind: idp.PendingDevice, ClientID: "app77", Address: "l77", UserID: "u77", CreatedAt: now, ExpiresAt: later}
	_ = s.CreatePending(ctx, pending, store.PendingKeys{Digest: d, UserCode: "ucnew"}, store.PendingBounds{PerAddress: 10, PerUser: 10})
	_, _ = s.Pending(ctx, "p77", now.Add(-time.Second))
	_, _ = s.PendingByUserCode(ctx, "uc77", now.Add(-time.Second))
	_, _ = s.PollPending(ctx, idp.PendingDevice, "p77", d, "app77", now)
	_ = s.ApprovePending(ctx, "p77", []string{"openid"}, &idp.Session{ID: "s77", UserID: "u77", AuthTime: now}, d, now.Add(-time.Second))
	_ = s.DenyPending(ctx, "p78", "u77", now.Add(-time.Second))
	_, _ = s.RedeemPending(ctx, store.PendingRedemption{ID: "p77", Kind: idp.PendingDevice, Digest: d, ClientID: "app77", Expires: later}, now.Add(-time.Second))
	_, _ = s.WhyNotRedeemed(ctx, "p77")
	_, _ = s.IssueAsserted(ctx, &idp.Authorization{ID: "asserted", ClientID: "app77", ExpiresAt: later}, d, store.AssertedSubject{Issuer: "x", Subject: "y"}, now)
	_, _ = s.PendingOf(ctx, "u77", now)
	_, _ = s.PendingByToken(ctx, idp.PendingBackchannel, "p77", d, now)
	_ = s.PutOffPing(ctx, &store.Ping{ID: "p77"}, now)
	_ = s.SettlePing(ctx, "p77", nil)
	i := &idp.Interaction{ID: "new", BrowserDigest: d, CreatedAt: now, ExpiresAt: later}
	_ = s.CreateInteraction(ctx, i, 16)
	_, _ = s.Interaction(ctx, "x77", d, now)
	_ = s.RecordSteps(ctx, "x77", idp.Steps{}, now)
	_ = s.ConsumeInteraction(ctx, "x77")
	_ = s.PutPushedRequest(ctx, &idp.PushedRequest{ID: "new", CreatedAt: now, ExpiresAt: later}, d)
	_, _ = s.PushedRequest(ctx, "p77", d, now)
	_ = s.DropPushedRequest(ctx, "p77")
	_, _ = s.TakeUpstreamLogin(ctx, d, d, now)
	_ = s.CreateUpstreamLogin(ctx, &store.UpstreamLogin{StateDigest: []byte("new"), BrowserDigest: d, CreatedAt: now, ExpiresAt: later})
	_, _ = s.PasswordLogin(ctx, "u77@example.com")
	_, _ = s.PasswordOf(ctx, "u77")
	_ = s.RehashPassword(ctx, "c77", "h", "h", now)
	_, _ = s.User(ctx, "u77")
	_, _ = s.LockUser(ctx, "u77")
	_, _ = s.UserByIdentifier(ctx, "u77@example.com")
	_, _ = s.IdentityBySubject(ctx, "https://i", "s77")
	_ = s.TouchIdentity(ctx, "i77", "", now)
	_, _, _ = s.Throttles(ctx, "k77", "k78", now)
	_, _ = s.CountFailure(ctx, "k77", now, later, now)
	_ = s.Block(ctx, "k77", later)
	_ = s.ClearThrottle(ctx, "k77")
	_ = s.PutOnceToken(ctx, []byte("new"), "p", "u77", later, now)
	_, _ = s.OnceTokenSubject(ctx, d, "p", now)
	_, _ = s.TakeOnceToken(ctx, d, "p", now)
	_, _ = s.FirstUse(ctx, "p", "new", later, now)
	_ = s.AppendAudit(ctx, &idp.AuditEvent{ID: "new", At: now})
	_ = s.PutTraces(ctx, []*idp.Trace{{ID: "new", At: now, ExpiresAt: later}})
	_, _ = s.Trace(ctx, "t77", now)
	_, _ = s.EndSession(ctx, "s79", now)
	_, _ = s.ClaimLogoutsOf(ctx, "s100", 16, later, now)
	_ = s.PutOffLogout(ctx, &idp.Logout{ID: "l200"}, now)
	_ = s.SettleLogout(ctx, &idp.Logout{ID: "l200", DueAt: now})
	_ = s.RenewSession(ctx, &idp.Session{ID: "s78", UserID: "u78"}, now, d, nil)
	_, _ = s.EndSessionsOf(ctx, "u78", "", now)
	_ = s.RevokeGrant(ctx, "u77", "app", now)
	_, _ = s.PendingOf(ctx, "u77", now.Add(-time.Second))
	_, _ = s.GrantsOf(ctx, "u77")
	_, _ = s.SessionsOf(ctx, "u77", now.Add(-time.Second))
	_, _ = s.IdentitiesOf(ctx, "u77")
	_ = s.DropOnceTokens(ctx, "p", "u79")
	_ = s.KeepPairwiseSubject(ctx, "new", "u77")
	_, _ = s.UserByPairwiseSubject(ctx, "q77")
	_, _ = s.UserBySubOrIdentifier(ctx, "u77", "u78@example.com")
	_, _ = s.UserBySubOrIdentifier(ctx, "nobody", "u78@example.com")
	_, _ = s.RegistrationToken(ctx, "r77", d, now.Add(-time.Second))
	_, _ = s.UseRegistrationToken(ctx, "r77", d, now.Add(-time.Second))
	_ = s.CreateClientWithin(ctx, &idp.Client{ID: "within", ManagedBy: "open", CreatedAt: now, UpdatedAt: now}, 1_000_000)
	_ = s.RevokeClient(ctx, "c150", now)
	_, _ = s.EndSession(ctx, "s200", now)
}

// lists are the pages of an administrator.
func lists(ctx context.Context, s *store.Store, now time.Time) {
	before := now.Add(-time.Second)
	_, _ = s.Users(ctx, store.Page{After: "u5"})
	_, _ = s.UsersNamed(ctx, "u7", store.Page{})
	_, _ = s.Clients(ctx, store.Page{After: "c5"})
	_, _ = s.Sessions(ctx, store.Page{After: "s5"}, before)
	_, _ = s.RegistrationTokens(ctx, store.Page{After: "r5"}, before)
	_, _ = s.Resources(ctx, store.Page{})
	_, _ = s.AuditEvents(ctx, "", store.Page{After: "e5"})
	_, _ = s.AuditEvents(ctx, "u77", store.Page{})
	for _, of := range []store.LogoutsOf{{}, {UserID: "u77"}, {SessionID: "s77"}, {ClientID: "c77"}, {UserID: "u77", ClientID: "c77"}} {
		_, _ = s.Logouts(ctx, of, store.Page{})
		_, _ = s.Logouts(ctx, of, store.Page{After: "l5"})
	}
	_, _ = s.AnyActiveWithRole(ctx, "role77")
}

// changes are an administrator's.
func changes(ctx context.Context, s *store.Store, now time.Time) {
	later := now.Add(time.Hour)
	u := &idp.User{ID: "new", State: idp.UserActive, Username: "new", Email: "new@example.com", Roles: []string{"admin"}, CreatedAt: now, UpdatedAt: now}
	_ = s.CreateUser(ctx, u)
	_ = s.UpdateUser(ctx, u)
	_ = s.SetUserState(ctx, "new", idp.UserDisabled, now)
	_ = s.PutPassword(ctx, &idp.Credential{ID: "new", UserID: "new", CreatedAt: now, UpdatedAt: now})
	_ = s.DeleteCredentials(ctx, "u80")
	_ = s.CreateIdentity(ctx, &idp.Identity{ID: "new", UserID: "new", Subject: "new", CreatedAt: now, LastUsedAt: now})
	_ = s.DeleteIdentity(ctx, "u80", "i80")
	_ = s.DeleteIdentities(ctx, "u81")
	_ = s.DeleteUser(ctx, "new")
	c := &idp.Client{ID: "made", RedirectURIs: []string{"https://made.example/cb"}, CreatedAt: now, UpdatedAt: now}
	_ = s.CreateClient(ctx, c)
	_ = s.UpdateClient(ctx, c, now)
	_ = s.EmptyGrants(ctx, "made")
	_ = s.DeleteClient(ctx, "made", now)
	_, _ = s.SweepClients(ctx, "open", now, 20)
	_ = s.CreateRegistrationToken(ctx, &store.RegistrationToken{ID: "new", CreatedAt: now, ExpiresAt: later}, []byte("d"))
	_ = s.DeleteRegistrationToken(ctx, "new")
	_ = s.PutAuthorizationType(ctx, &idp.AuthorizationType{Name: "new"}, now)
	_, _ = s.AuthorizationType(ctx, "new")
	_ = s.DeleteAuthorizationType(ctx, "new")
	r := &idp.Resource{ID: "new", CreatedAt: now, UpdatedAt: now}
	_ = s.CreateResource(ctx, r)
	_, _ = s.Resource(ctx, "new")
	_ = s.UpdateResource(ctx, r, now)
	_ = s.DeleteResource(ctx, "new")
	p := &idp.Provider{ID: "new", CreatedAt: now, UpdatedAt: now}
	_ = s.CreateProvider(ctx, p, "")
	_, _ = s.Provider(ctx, "new")
	_ = s.UpdateProvider(ctx, p, "", now)
	_ = s.ResealProvider(ctx, "new", "", "a")
	_ = s.DeleteProvider(ctx, "new")
	k := &idp.SigningKey{ID: "new", CreatedAt: now, ActiveAt: later}
	_ = s.CreateSigningKey(ctx, k, "a")
	_ = s.ActivateSigningKey(ctx, "new", now)
	_ = s.ResealSigningKey(ctx, "new", "a", "b")
	_ = s.RetireSigningKey(ctx, "new", now, later)
	_ = s.ReplaceRetirement(ctx, "new", now, now)
	_, _ = s.KeepServerSecret(ctx, "new", "a", now)
	_ = s.ResealServerSecret(ctx, "new", "a", "b")
	_, _ = s.WithLease(ctx, "new", "me", later, now, func(context.Context) error { return nil })
}

// works are done beside the requests, at the start or now and then.
func works(ctx context.Context, s *store.Store, now time.Time) {
	_, _ = s.Purge(ctx, 50, now.Add(time.Second), now.Add(time.Second))
	_, _ = s.Trim(ctx, store.Caps{Traces: 9000, Interactions: 9000, Logins: 9000, Pushed: 9000}, 50)
	_, _ = s.ClaimPings(ctx, store.Claim{Limit: 10, Lease: now, Now: now})
	_, _ = s.ClaimLogouts(ctx, store.Claim{Limit: 16, Lease: now, Now: now})
	_, _ = s.Versions(ctx)
	_, _ = s.ClientVersion(ctx)
	_, _, _, _ = s.ClientChanges(ctx, 0)
	_, _ = s.Providers(ctx)
	_, _ = s.AuthorizationTypes(ctx)
	_, _ = s.SigningKeys(ctx, now)
	_, _ = s.ServerSecrets(ctx)
	_, _ = s.ClientsManagedBy(ctx, "files")
}

// Most pages of one statement: of a request every look-up goes down one index, and there are a few of each; of a list each row lies somewhere.
const (
	pagesOfRequest = 60
	pagesOfList    = 400
)

// small are the tables of which an operator has a handful of rows, most of them kept in memory.
var small = []string{"authorization_types", "changes", "leases", "providers", "resources", "server_secrets", "signing_keys"}

// may says what a statement may do all the same: what it is known by, what it does, and why that is no harm.
var may = []struct{ part, fault, why string }{
	{"OFFSET $1) ORDER BY expires_at", "scans", "as many entries of one index as the cap has, once a minute, on one replica"},
	{"FROM clients WHERE logout_back LIMIT 1", "scans", "the first row of an index that has no others"},
	{"FROM clients WHERE logout_back OR logout_front LIMIT 1", "scans", "the first row of an index that has no others"},
	{"FROM logouts WHERE TRUE ORDER BY id DESC LIMIT $1", "scans", "the end of an index, where nothing narrows the list"},
	{"FROM pending_authorizations WHERE ping_at IS NOT NULL", "sorts", "those that are due, where they are fewer than a page"},
	{"FROM clients WHERE managed_by = $1 ORDER BY id", "sorts", "whoever compares files with clients reads all of these"},
	{"(SELECT COUNT(*) FROM clients WHERE managed_by = $4) < $7", "reads", "no more entries of an index than client_registration.most"},
}

func excused(sql, fault string) bool {
	verb, table, _ := strings.Cut(fault, " ")
	if slices.Contains(small, table) {
		return true
	}
	for _, m := range may {
		if m.fault == verb && strings.Contains(spaced(sql), m.part) {
			return true
		}
	}
	return false
}

// Every statement of the package is here, goes by an index whatever the tables have grown to, and on PostgreSQL reads few pages.
func TestPlans_NothingScansOrSorts(t *testing.T) {
	t.Parallel()
	db := &explainer{Engine: storetest.NewSized(t, 0).Engine(), t: t, seen: map[string]*course{}}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	fill(t, db.Engine, *planRows, now)
	analyze(t, db.Engine)
	s := store.New(db)
	for _, of := range []struct {
		work string
		do   func(context.Context, *store.Store, time.Time)
		most int
	}{{"request", requests, pagesOfRequest}, {"list", lists, pagesOfList}, {"change", changes, pagesOfRequest}, {"work", works, 0}} {
		db.work = of.work
		of.do(t.Context(), s, now)
		for sql, c := range db.seen {
			if of.most > 0 && c.work == of.work && c.pages > of.most && !excused(sql, "reads") {
				t.Errorf("a %s reads %d pages, want %d at most: %s\n%s", c.work, c.pages, of.most, sql, c.plan)
			}
		}
	}
	for sql, c := range db.seen {
		for fault, plan := range c.faults {
			if !excused(sql, fault) {
				t.Errorf("a %s %s: %s\n%s", c.work, fault, sql, plan)
			}
		}
		if testing.Verbose() {
			t.Logf("%s, %d pages: %.150s", c.work, c.pages, spaced(sql))
		}
	}
	everyStatement(t, db.seen)
}

func spaced(sql string) string { return strings.Join(strings.Fields(sql), " ") }

// everyStatement looks for texts of statements in the package's source that no run has sent.
func everyStatement(t *testing.T, seen map[string]*course) {
	t.Helper()
	var sent strings.Builder
	for sql := range seen {
		sent.WriteString(spaced(sql) + "\n")
	}
	files, err := filepath.Glob("*.go")
	must(t, err)
	found := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		must(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			must(t, err)
			if text = spaced(text); !aStatement.MatchString(text) || strings.Contains(text, "%") { // what is made by Sprintf is made to be sent
				return true
			}
			found++
			if !strings.Contains(sent.String(), text) {
				t.Errorf("%s: add a run of this statement to requests, lists, changes or works: %s", name, text)
			}
			return true
		})
	}
	if found < 100 {
		t.Errorf("found %d statements in the source, want all of them", found)
	}
}

var aStatement = regexp.MustCompile(`^(SELECT|INSERT|UPDATE|DELETE|WITH) `)
