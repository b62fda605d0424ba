package api_test

import (
	"net/http"
	"reflect"
	"testing"
	"time"

	"idp/internal/client"
	"idp/internal/handlers/api"
	"idp/internal/handlers/api/apiclient"
	"idp/internal/idp"
	"idp/internal/secret"
)

// TestGoClient_SpeaksEveryOperation goes through the whole interface as the command line does.
func TestGoClient_SpeaksEveryOperation(t *testing.T) {
	t.Parallel()
	live, ctx := api.NewLive(t), t.Context()
	c, err := apiclient.New(apiclient.Config{HTTP: http.DefaultClient, BaseURL: live.URL, Token: secret.Redacted(live.Token)})
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	ok := func(method string, err error) {
		t.Helper()
		used[method] = true
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
	}
	who, err := c.Whoami(ctx)
	ok("Whoami", err)
	if who.ID != "admin-1" {
		t.Errorf("whoami: got %+v", who)
	}

	reg := client.Registration{ID: "app", Name: "App", RedirectURIs: []string{"https://a.example/"}}
	made, err := c.CreateClient(ctx, api.NewClient{Registration: reg})
	ok("CreateClient", err)
	read, etag, err := c.Client(ctx, "app")
	ok("Client", err)
	if made.Secret == "" || etag == "" || !reflect.DeepEqual(read, made.Client) {
		t.Errorf("client: made %+v, read %+v with ETag %q, want the same and a secret", made, read, etag)
	}
	changed, err := c.UpdateClient(ctx, "app", map[string]any{"client_name": "New"}, apiclient.Change{IfMatch: etag})
	ok("UpdateClient", err)
	if changed.Name != "New" {
		t.Errorf("update: got %q, want New", changed.Name)
	}
	if _, err := c.UpdateClient(ctx, "app", map[string]any{"client_name": "x"}, apiclient.Change{IfMatch: etag}); idp.KindOf(err) != idp.Conflict {
		t.Errorf("update of an old version: got %v, want Conflict", err)
	}
	fresh, err := c.RotateClientSecret(ctx, "app", time.Hour, apiclient.Change{})
	ok("RotateClientSecret", err)
	if fresh == "" || fresh == made.Secret {
		t.Error("rotate: want another secret")
	}
	findings, err := c.CheckClient(ctx, "app", "")
	ok("CheckClient", err)
	if len(findings) == 0 {
		t.Error("check: want findings")
	}
	doc := client.Document{Registration: client.Registration{ID: "web", RedirectURIs: []string{"https://w.example/"}}, Secrets: []secret.Redacted{"k3Vt0m9QxZ1b7Lw2yRf8Nc5HsGd4JpUaTeXiOoKq"}}
	plan, err := c.ApplyClients(ctx, []client.Document{doc}, client.ApplyOptions{Source: "test"})
	ok("ApplyClients", err)
	if len(plan.Items) != 1 || plan.Items[0].Action != client.ActionCreate || plan.Source != "test" {
		t.Errorf("apply: got %+v, want one created", plan)
	}
	clients, err := c.Clients(ctx, apiclient.Page{})
	ok("Clients", err)
	if len(clients.Items) != 2 {
		t.Errorf("clients: got %d, want 2", len(clients.Items))
	}
	if err := c.DeleteClient(ctx, "web", apiclient.Change{}); idp.KindOf(err) != idp.Conflict {
		t.Errorf("delete a client that is kept in files: got %v, want Conflict", err)
	}
	ok("DeleteClient", c.DeleteClient(ctx, "web", apiclient.Change{Force: true}))

	token, err := c.CreateRegistrationToken(ctx, api.NewRegistrationToken{Name: "partner", Uses: 3, Scopes: []string{"openid"}})
	ok("CreateRegistrationToken", err)
	tokens, err := c.RegistrationTokens(ctx, apiclient.Page{})
	ok("RegistrationTokens", err)
	if len(tokens.Items) != 1 || !reflect.DeepEqual(tokens.Items[0], token.RegistrationToken) || token.Token == "" || token.ExpiresAt.Before(time.Now().Add(23*time.Hour)) {
		t.Errorf("registration tokens: made %+v, read %+v", token.RegistrationToken, tokens.Items)
	}
	ok("RevokeRegistrationToken", c.RevokeRegistrationToken(ctx, token.ID))
	stranger := "https://app.example/client.json"
	live.Stranger(t, stranger)
	pending, err := c.PendingClients(ctx)
	ok("PendingClients", err)
	if len(pending) != 1 || pending[0].ID != stranger || !pending[0].Pending {
		t.Errorf("pending: got %+v", pending)
	}
	if _, err := c.UpdateClient(ctx, stranger, map[string]any{"client_name": "x"}, apiclient.Change{}); idp.KindOf(err) != idp.Conflict {
		t.Errorf("change a client that its document describes: got %v, want Conflict", err)
	}
	judged, err := c.JudgeClient(ctx, stranger, true)
	ok("JudgeClient", err)
	if judged.Pending || judged.Disabled || judged.ManagedBy != idp.ManagedByDocumentApproved {
		t.Errorf("approved: got %+v", judged)
	}
	if judged, err = c.JudgeClient(ctx, stranger, false); err != nil || !judged.Disabled {
		t.Errorf("denied: got %+v, %v", judged, err)
	}
	if _, err := c.JudgeClient(ctx, "nobody", true); idp.KindOf(err) != idp.NotFound {
		t.Errorf("judge nobody: got %v, want NotFound", err)
	}
	ok("DeleteClient", c.DeleteClient(ctx, stranger, apiclient.Change{Force: true}))

	kind, err := c.ApplyAuthorizationType(ctx, "payment", api.AuthorizationTypeData{Title: "Pay", Schema: []byte(`{"additionalProperties":false}`)})
	ok("ApplyAuthorizationType", err)
	kinds, err := c.AuthorizationTypes(ctx)
	ok("AuthorizationTypes", err)
	if len(kinds.Items) != 1 || kinds.Items[0].Name != kind.Name || kinds.Items[0].Title != "Pay" {
		t.Errorf("authorization types: made %+v, read %+v", kind, kinds)
	}
	ok("DeleteAuthorizationType", c.DeleteAuthorizationType(ctx, "payment"))

	resource, err := c.CreateResource(ctx, api.NewResource{ID: "tools", ResourceData: api.ResourceData{Identifier: "https://tools.example/mcp", Scopes: []string{"tools.read"}}})
	ok("CreateResource", err)
	if _, err := c.CreateResource(ctx, api.NewResource{ID: "other", ResourceData: api.ResourceData{Identifier: "https://tools.example/mcp"}}); idp.KindOf(err) != idp.Conflict {
		t.Errorf("the same address again: got %v, want Conflict", err)
	}
	resource2, err := c.Resource(ctx, "tools")
	ok("Resource", err)
	resources, err := c.Resources(ctx, apiclient.Page{})
	ok("Resources", err)
	if !reflect.DeepEqual(resource, resource2) || len(resources.Items) != 1 {
		t.Errorf("resource: made %+v, read %+v among %d", resource, resource2, len(resources.Items))
	}
	resource, err = c.UpdateResource(ctx, "tools", map[string]any{"resource_name": "Tools"})
	ok("UpdateResource", err)
	if resource.Name != "Tools" || len(resource.Scopes) != 1 {
		t.Errorf("update: got %+v", resource)
	}
	ok("DeleteResource", c.DeleteResource(ctx, "tools"))

	u, err := c.CreateUser(ctx, api.NewUser{UserData: api.UserData{Email: "Ann@corp.example", Roles: []string{idp.RoleAdmin}}, Password: "violet kettle marches north"})
	ok("CreateUser", err)
	found, err := c.FindUser(ctx, "ANN@corp.example")
	ok("FindUser", err)
	begins, err := c.UsersNamed(ctx, "AnN@c", apiclient.Page{})
	ok("UsersNamed", err)
	if len(begins.Items) != 1 || begins.Items[0].ID != u.ID {
		t.Errorf("search: got %+v, want the one whose address begins so", begins.Items)
	}
	again, err := c.User(ctx, u.ID)
	ok("User", err)
	if !reflect.DeepEqual(found, u) || !reflect.DeepEqual(again, u) {
		t.Errorf("user: made %+v, found %+v, read %+v, want the same", u, found, again)
	}
	if _, err := c.FindUser(ctx, "nobody@corp.example"); idp.KindOf(err) != idp.NotFound {
		t.Errorf("find nobody: got %v, want NotFound", err)
	}
	list, err := c.Users(ctx, apiclient.Page{Limit: 1})
	ok("Users", err)
	if len(list.Items) != 1 {
		t.Errorf("users: got %d, want 1", len(list.Items))
	}
	u, err = c.UpdateUser(ctx, u.ID, map[string]any{"profile": map[string]any{"name": "Ann"}})
	ok("UpdateUser", err)
	if u.Profile.Name != "Ann" || u.Email != "ann@corp.example" {
		t.Errorf("update: got %+v", u)
	}
	ok("SetPassword", c.SetPassword(ctx, u.ID, "amber lantern drifts south"))
	identity := live.Give(t, u.ID, "app")
	identities, err := c.Identities(ctx, u.ID)
	ok("Identities", err)
	grants, err := c.Grants(ctx, u.ID)
	ok("Grants", err)
	if len(identities) != 1 || len(grants) != 1 {
		t.Errorf("got %d identities and %d grants, want one of each", len(identities), len(grants))
	}
	ok("UnlinkIdentity", c.UnlinkIdentity(ctx, u.ID, identity))
	ok("RevokeGrant", c.RevokeGrant(ctx, u.ID, "app"))
	id := live.Session(t, u.ID)
	one, err := c.Session(ctx, id)
	ok("Session", err)
	mine, err := c.UserSessions(ctx, u.ID)
	ok("UserSessions", err)
	all, err := c.Sessions(ctx, apiclient.Page{})
	ok("Sessions", err)
	if len(mine) != 1 || len(all.Items) != 1 || !reflect.DeepEqual(mine[0], one) {
		t.Errorf("sessions: got %+v, %+v and %+v, want one and the same", one, mine, all.Items)
	}
	ok("EndSession", c.EndSession(ctx, id))
	live.Session(t, u.ID)
	ended, err := c.EndUserSessions(ctx, u.ID)
	ok("EndUserSessions", err)
	if ended != 1 {
		t.Errorf("ended: got %d, want 1", ended)
	}
	told, err := c.Logouts(ctx, apiclient.LogoutQuery{UserID: u.ID, SessionID: id, ClientID: "app"})
	ok("Logouts", err)
	if len(told.Items) != 0 {
		t.Errorf("logouts: got %+v, want none: no application was in the session", told.Items)
	}
	u, err = c.DisableUser(ctx, u.ID)
	ok("DisableUser", err)
	if u.State != idp.UserDisabled {
		t.Errorf("disable: got %s", u.State)
	}
	_, err = c.EnableUser(ctx, u.ID)
	ok("EnableUser", err)
	ok("DeleteUser", c.DeleteUser(ctx, u.ID))

	key, err := c.RotateKey(ctx, api.RotateKey{Algorithm: "ES256", Now: true})
	ok("RotateKey", err)
	ok("RetireKey", c.RetireKey(ctx, key.ID, api.RetireKey{Leaked: true}))
	keys, err := c.Keys(ctx)
	ok("Keys", err)
	if len(keys) < 3 {
		t.Errorf("keys: got %d, want one of each algorithm at least", len(keys))
	}

	data := api.ProviderData{Type: "oidc", Name: "Corp", Issuer: "https://127.0.0.1:1", ClientID: "x"}
	p, err := c.CreateProvider(ctx, api.NewProvider{ID: "corp", ProviderData: data, ClientSecret: "y"})
	ok("CreateProvider", err)
	p2, err := c.Provider(ctx, "corp")
	ok("Provider", err)
	ps, err := c.Providers(ctx)
	ok("Providers", err)
	if !reflect.DeepEqual(p, p2) || len(ps) != 1 {
		t.Errorf("provider: made %+v, read %+v among %d", p, p2, len(ps))
	}
	_, err = c.UpdateProvider(ctx, "corp", map[string]any{"name": "Corporate"})
	ok("UpdateProvider", err)
	_, err = c.TestProvider(ctx, "corp")
	ok("TestProvider", err)
	ok("DeleteProvider", c.DeleteProvider(ctx, "corp"))

	events, err := c.Audit(ctx, apiclient.AuditQuery{Page: apiclient.Page{Limit: 500}, Since: time.Now().Add(-time.Hour)})
	ok("Audit", err)
	if len(events.Items) < 15 || events.Cursor == "" {
		t.Errorf("audit: got %d events, want one for each write", len(events.Items))
	}
	trace, err := c.Trace(ctx, identity)
	ok("Trace", err)
	if trace.Endpoint != "token" {
		t.Errorf("trace: got %+v", trace)
	}
	for i := range reflect.TypeFor[*apiclient.Client]().NumMethod() {
		if name := reflect.TypeFor[*apiclient.Client]().Method(i).Name; !used[name] {
			t.Errorf("the method %s is not tried", name)
		}
	}
}
