package idp

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func webClient() *Client {
	c := &Client{
		ID: "app", Name: "App", RedirectURIs: []string{"https://app.example/callback"},
		Secrets: []ClientSecret{{ID: "1", Digest: "k.d"}},
	}
	c.ApplyDefaults()
	return c
}

func publicClient() *Client {
	c := &Client{ID: "spa", RedirectURIs: []string{"https://app.example/callback"}, AuthMethods: []string{AuthNone}}
	c.ApplyDefaults()
	return c
}

func TestClientDefaults_AreBothSecretMethodsAndTheContract(t *testing.T) { // RP-3, RP-4
	t.Parallel()
	web, public := webClient(), publicClient()
	if want := []string{AuthClientSecretBasic, AuthClientSecretPost}; !slices.Equal(web.AuthMethods, want) {
		t.Errorf("methods of a client with a secret: got %v, want %v", web.AuthMethods, want)
	}
	if web.RequirePKCE || !public.RequirePKCE {
		t.Errorf("require_pkce: got %v for a client with a secret and %v for one without, want false and true", web.RequirePKCE, public.RequirePKCE)
	}
	if web.Contract != DefaultContract() {
		t.Errorf("contract: got %+v, want the default written out", web.Contract)
	}
	for _, c := range []*Client{web, public} {
		if err := c.Validate(); err != nil {
			t.Errorf("client %s with defaults: %v", c.ID, err)
		}
	}
	partial := &Client{Contract: Contract{AccessTokenTTL: 60}}
	partial.ApplyDefaults()
	if got := partial.Contract; got.AccessTokenTTL != 60 || got.IDTokenAlg != "RS256" || got.Version != 1 || got.ClaimsInIDToken {
		t.Errorf("partial contract: got %+v, want the given lifetime kept, words filled, switches left", got)
	}
	empty := &Client{GrantTypes: []string{}, Scopes: []string{}}
	empty.ApplyDefaults()
	if len(empty.GrantTypes) != 0 || len(empty.Scopes) != 0 || empty.ResponseTypes != nil {
		t.Errorf("empty lists: got %v %v %v, want them left empty", empty.GrantTypes, empty.Scopes, empty.ResponseTypes)
	}
}

func TestClientValidate_FaultsAreNamed(t *testing.T) {
	t.Parallel()
	long := func(n int) []string { return slices.Repeat([]string{"x"}, n) }
	ten := int64(-1)
	for name, tc := range map[string]struct {
		public bool
		change func(*Client)
		field  string
	}{
		"no id":                        {false, func(c *Client) { c.ID = "" }, "client_id"},
		"id with a colon":              {false, func(c *Client) { c.ID = "a:b" }, "client_id"},
		"id that form encoding breaks": {false, func(c *Client) { c.ID = "a+b%20" }, "client_id"},
		"id that is a path":            {false, func(c *Client) { c.ID = ".." }, "client_id"},
		"id with a slash":              {false, func(c *Client) { c.ID = "a/b" }, "client_id"},
		"long id":                      {false, func(c *Client) { c.ID = strings.Repeat("a", 129) }, "client_id"},
		"name that turns round":        {false, func(c *Client) { c.Name = "App\u202egpj.exe" }, "client_name"},
		"name with zero width space":   {false, func(c *Client) { c.Name = "App\u200b" }, "client_name"},
		"name with a line end":         {false, func(c *Client) { c.Name = "App\nBank" }, "client_name"},
		"name in broken UTF-8":         {false, func(c *Client) { c.Name = "App\xff" }, "client_name"},
		"long name":                    {false, func(c *Client) { c.Name = strings.Repeat("a", 101) }, "client_name"},
		"source with a line end":       {false, func(c *Client) { c.ManagedBy = "a\nb" }, "managed_by"},
		"many contacts":                {false, func(c *Client) { c.Contacts = long(11) }, "contacts"},
		"empty contact":                {false, func(c *Client) { c.Contacts = []string{""} }, "contacts[0]"},
		"plain back-channel logout":    {false, func(c *Client) { c.BackchannelLogoutURI = "http://app.example/bye" }, "backchannel_logout_uri"},
		"back-channel with fragment":   {false, func(c *Client) { c.BackchannelLogoutURI = "https://app.example/bye#x" }, "backchannel_logout_uri"},
		"script as logout frame":       {false, func(c *Client) { c.FrontchannelLogoutURI = "javascript:alert(1)" }, "frontchannel_logout_uri"},
		"somebody else's logout frame": {false, func(c *Client) { c.FrontchannelLogoutURI = "https://other.example/bye" }, "frontchannel_logout_uri"},
		"logout frame at another port": {false, func(c *Client) { c.FrontchannelLogoutURI = "https://app.example:444/bye" }, "frontchannel_logout_uri"},
		"no auth method":               {false, func(c *Client) { c.AuthMethods = []string{} }, "token_endpoint_auth_methods"},
		"unknown auth method":          {false, func(c *Client) { c.AuthMethods = []string{"tls"} }, "token_endpoint_auth_methods[0]"},
		"none beside a secret":         {false, func(c *Client) { c.AuthMethods = append(c.AuthMethods, AuthNone) }, "token_endpoint_auth_methods"},
		"public with a secret":         {true, func(c *Client) { c.Secrets = []ClientSecret{{ID: "1", Digest: "x"}} }, "secrets"},
		"no secret":                    {false, func(c *Client) { c.Secrets = nil }, "secrets"},
		"six secrets":                  {false, func(c *Client) { c.Secrets = slices.Repeat(c.Secrets, 6) }, "secrets"},
		"secret without digest":        {false, func(c *Client) { c.Secrets[0].Digest = "" }, "secrets[0]"},
		"unknown grant":                {false, func(c *Client) { c.GrantTypes = append(c.GrantTypes, "password") }, "grant_types[2]"},
		"grant twice":                  {false, func(c *Client) { c.GrantTypes = append(c.GrantTypes, GrantRefreshToken) }, "grant_types[2]"},
		"implicit":                     {false, func(c *Client) { c.ResponseTypes = []string{"code", "token"} }, "response_types[1]"},
		"code without response type":   {false, func(c *Client) { c.ResponseTypes = nil }, "response_types"},
		"response type without code":   {false, func(c *Client) { c.GrantTypes = []string{GrantClientCredentials} }, "response_types"},
		"implicit without its type":    {false, func(c *Client) { c.GrantTypes = append(c.GrantTypes, GrantImplicit) }, "response_types"},
		"ID token without implicit":    {false, func(c *Client) { c.ResponseTypes = append(c.ResponseTypes, ResponseTypeIDToken) }, "response_types"},
		"hybrid without implicit":      {false, func(c *Client) { c.ResponseTypes = []string{ResponseTypeCodeIDToken} }, "response_types"},
		"none without redirect URI": {false, func(c *Client) {
			c.GrantTypes, c.ResponseTypes, c.RedirectURIs = []string{GrantClientCredentials}, []string{ResponseTypeNone}, nil
		}, "redirect_uris"},
		"unknown response mode":        {false, func(c *Client) { c.ResponseModes = []string{"web_message"} }, "response_modes[0]"},
		"response mode twice":          {false, func(c *Client) { c.ResponseModes = []string{"jwt", "jwt"} }, "response_modes[1]"},
		"answers signed with a secret": {false, func(c *Client) { c.SignedAnswerAlg = "HS256" }, "authorization_signed_response_alg"},
		"answers not signed":           {false, func(c *Client) { c.SignedAnswerAlg = "none" }, "authorization_signed_response_alg"},
		"answers encrypted to nobody":  {false, func(c *Client) { c.AnswerEncryptedAlg = AlgECDHES }, "authorization_encrypted_response_alg"},
		"no mode left for a token": {false, func(c *Client) {
			c.GrantTypes, c.ResponseTypes, c.ResponseModes = append(c.GrantTypes, GrantImplicit), append(c.ResponseTypes, ResponseTypeIDToken), []string{ModeQuery, ModeQueryJWT}
		}, "response_modes"},
		"refresh alone":              {false, func(c *Client) { c.GrantTypes, c.ResponseTypes = []string{GrantRefreshToken}, nil }, "grant_types"},
		"public with its own tokens": {true, func(c *Client) { c.GrantTypes = append(c.GrantTypes, GrantClientCredentials) }, "grant_types"},
		"public without PKCE":        {true, func(c *Client) { c.RequirePKCE = false }, "require_pkce"},
		"public with static refresh": {true, func(c *Client) { c.Contract.RefreshMode = RefreshStatic }, "contract.refresh_mode"},
		"no redirect URI":            {false, func(c *Client) { c.RedirectURIs = nil }, "redirect_uris"},
		"redirect URI twice":         {false, func(c *Client) { c.RedirectURIs = slices.Repeat(c.RedirectURIs, 2) }, "redirect_uris[1]"},
		"redirect URI in clear":      {false, func(c *Client) { c.RedirectURIs[0] = "http://app.example/" }, "redirect_uris[0]"},
		"many redirect URIs":         {false, func(c *Client) { c.RedirectURIs = slices.Repeat(c.RedirectURIs, 101) }, "redirect_uris"},
		"logout to a script":         {false, func(c *Client) { c.PostLogoutRedirectURIs = []string{"javascript:x"} }, "post_logout_redirect_uris[0]"},
		"origin with path":           {false, func(c *Client) { c.AllowedOrigins = []string{"https://app.example/"} }, "allowed_origins[0]"},
		"origin star":                {false, func(c *Client) { c.AllowedOrigins = []string{"*"} }, "allowed_origins[0]"},
		"origin null":                {false, func(c *Client) { c.AllowedOrigins = []string{"null"} }, "allowed_origins[0]"},
		"origin with default port":   {false, func(c *Client) { c.AllowedOrigins = []string{"https://app.example:443"} }, "allowed_origins[0]"},
		"many origins":               {false, func(c *Client) { c.AllowedOrigins = slices.Repeat([]string{"https://a.example"}, 101) }, "allowed_origins"},
		"logo as data":               {false, func(c *Client) { c.LogoURI = "data:image/png;base64,xx" }, "logo_uri"},
		"policy as script":           {false, func(c *Client) { c.PolicyURI = "javascript:alert(1)" }, "policy_uri"},
		"terms in clear":             {false, func(c *Client) { c.TosURI = "http://app.example/" }, "tos_uri"},
		"homepage relative":          {false, func(c *Client) { c.ClientURI = "/about" }, "client_uri"},
		"scope with a space":         {false, func(c *Client) { c.Scopes = []string{"a b"} }, "scopes[0]"},
		"empty scope":                {false, func(c *Client) { c.Scopes = []string{""} }, "scopes[0]"},
		"scope twice":                {false, func(c *Client) { c.Scopes = []string{"a", "a"} }, "scopes[1]"},
		"many scopes":                {false, func(c *Client) { c.Scopes = long(101) }, "scopes"},
		"offline without refresh": {false, func(c *Client) {
			c.GrantTypes, c.Scopes = []string{GrantAuthorizationCode}, []string{ScopeOfflineAccess}
		}, "scopes"},
		"audience with a space":    {false, func(c *Client) { c.Audience = []string{"https://api .example"} }, "audience[0]"},
		"acr with a quote":         {false, func(c *Client) { c.DefaultACRValues = []string{`a"b`} }, "default_acr_values[0]"},
		"negative max age":         {false, func(c *Client) { c.DefaultMaxAge = &ten }, "default_max_age"},
		"negative session age":     {false, func(c *Client) { c.MaxSessionAge = -1 }, "max_session_age"},
		"contract of the future":   {false, func(c *Client) { c.Contract.Version = 99 }, "contract.version"},
		"unsigned ID token":        {false, func(c *Client) { c.Contract.IDTokenAlg = "none" }, "contract.id_token_alg"},
		"HMAC access token":        {false, func(c *Client) { c.Contract.AccessTokenAlg = "HS256" }, "contract.access_token_alg"},
		"unknown format":           {false, func(c *Client) { c.Contract.AccessTokenFormat = "saml" }, "contract.access_token_format"},
		"unknown refresh mode":     {false, func(c *Client) { c.Contract.RefreshMode = "maybe" }, "contract.refresh_mode"},
		"roles as subject":         {false, func(c *Client) { c.Contract.RolesClaim = "sub" }, "contract.roles_claim"},
		"code of an hour":          {false, func(c *Client) { c.Contract.CodeTTL = 3600 }, "contract.code_ttl"},
		"access token of a week":   {false, func(c *Client) { c.Contract.AccessTokenTTL = 7 * 86400 }, "contract.access_token_ttl"},
		"ID token of a second":     {false, func(c *Client) { c.Contract.IDTokenTTL = 1 }, "contract.id_token_ttl"},
		"grace of a day":           {false, func(c *Client) { c.Contract.RefreshGrace = 86400 }, "contract.refresh_grace"},
		"negative refresh":         {false, func(c *Client) { c.Contract.RefreshMax = -1 }, "contract.refresh_max"},
		"idle longer than the end": {false, func(c *Client) { c.Contract.RefreshIdle = c.Contract.RefreshMax + 1 }, "contract.refresh_idle"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := webClient()
			if tc.public {
				c = publicClient()
			}
			tc.change(c)
			err := c.Validate()
			if !slices.Contains(fieldsOf(err), tc.field) {
				t.Errorf("fields at fault: got %v (%v), want %s among them", fieldsOf(err), err, tc.field)
			}
			if err != nil && KindOf(err) != Invalid {
				t.Errorf("kind: got %v, want Invalid", KindOf(err))
			}
		})
	}
}

func TestClientValidate_NamesAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	c := webClient()
	c.ID, c.RedirectURIs, c.Scopes, c.Contract.CodeTTL = "", []string{"ftp://x", "//evil.example"}, []string{"a b"}, 0
	want := []string{"client_id", "redirect_uris[0]", "redirect_uris[1]", "scopes[0]", "contract.code_ttl"}
	if got := fieldsOf(c.Validate()); !slices.Equal(got, want) {
		t.Errorf("fields at fault: got %v, want %v", got, want)
	}
}

func TestClientValidate_Accepts(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Client){
		"resource server that only introspects": func(c *Client) {
			c.GrantTypes, c.ResponseTypes, c.RedirectURIs, c.Scopes = []string{}, nil, nil, nil
		},
		"machine": func(c *Client) {
			c.GrantTypes, c.ResponseTypes, c.RedirectURIs, c.Scopes = []string{GrantClientCredentials}, nil, nil, []string{"read:all", "https://api.example/write"}
		},
		"names of the world": func(c *Client) { c.Name = "Ünïcode 銀行 می\u200cخواهم" },
		"local links": func(c *Client) {
			c.LogoURI, c.ClientURI = "http://localhost:3000/logo.svg", "https://app.example/#about"
		},
		"origins": func(c *Client) {
			c.AllowedOrigins = []string{"https://app.example", "http://localhost:3000", "https://app.example:8443"}
		},
		"roles as URI": func(c *Client) { c.Contract.RolesClaim = "https://app.example/roles" },
		"imported id":  func(c *Client) { c.ID = "407408718192.apps.example.com" },
	} {
		c := webClient()
		change(c)
		if err := c.Validate(); err != nil {
			t.Errorf("%s: got %v, want nil", name, err)
		}
	}
}

// fieldsOf lists the fields of all joined errors.
func fieldsOf(err error) []string {
	var fields []string
	joined, _ := err.(interface{ Unwrap() []error })
	if joined == nil {
		return nil
	}
	for _, one := range joined.Unwrap() {
		var e *Error
		if errors.As(one, &e) {
			fields = append(fields, e.Field)
		}
	}
	return fields
}
