package conformance

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"flag"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.yaml.in/yaml/v3"
)

// The settings that someone needs to run the OpenID Foundation's conformance suite against this server, under docs/conformance: a plan file
// for each profile, and the clients that the plans name. One table makes both, so that they cannot differ.

var updateConformance = flag.Bool("update-conformance", false, "write docs/conformance anew; its keys are kept")

const (
	folder = "../../docs/conformance"
	// Where a suite runs that somebody started at home, and where the server is that it tests. The guide says how to change both.
	suiteURL    = "https://localhost.emobix.co.uk:8443"
	testedURL   = "https://idp.test"
	suiteAlias  = "idp"
	testAddress = "conny@example.com"
	// What a sign-in with a password is called, where nothing is configured.
	passwordContext = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
)

type object = map[string]any

// conformanceKeys are for the suite alone, and public: never register them anywhere else.
type conformanceKeys struct {
	Secrets      map[string]string          `json:"secrets"`      // by client
	Keys         map[string]jose.JSONWebKey `json:"keys"`         // private, by client
	Certificates map[string]string          `json:"certificates"` // PEM, by client
}

// certification is one certification profile.
type certification struct {
	file, name string
	variant    object
	clients    []string // of conformanceClients; the first is "client", the second "client2", a third "client_secret_post"
	dynamic    bool     // the suite registers its clients itself
	fapi       bool
	ciba       bool
}

func certifications() []certification {
	static := object{"server_metadata": "discovery", "client_registration": "static_client"}
	logout := object{"client_registration": "static_client", "response_type": "code"}
	basic := []string{"conformance-1", "conformance-2", "conformance-post"}
	list := []certification{
		{file: "oidcc-config", name: "oidcc-config-certification-test-plan"},
		{file: "oidcc-dynamic", name: "oidcc-dynamic-certification-test-plan", variant: object{"response_type": "code"}, dynamic: true},
		{file: "oidcc-3rdparty-login", name: "oidcc-3rdparty-init-login-certification-test-plan", variant: object{"response_type": "code"}, dynamic: true},
	}
	for _, p := range []struct{ file, name string }{
		{"oidcc-basic", "oidcc-basic-certification-test-plan"},
		{"oidcc-implicit", "oidcc-implicit-certification-test-plan"},
		{"oidcc-hybrid", "oidcc-hybrid-certification-test-plan"},
		{"oidcc-formpost-basic", "oidcc-formpost-basic-certification-test-plan"},
		{"oidcc-formpost-implicit", "oidcc-formpost-implicit-certification-test-plan"},
		{"oidcc-formpost-hybrid", "oidcc-formpost-hybrid-certification-test-plan"},
	} {
		list = append(list, certification{file: p.file, name: p.name, variant: static, clients: basic})
	}
	for _, p := range []struct{ file, name string }{
		{"oidcc-rp-initiated-logout", "oidcc-rp-initiated-logout-certification-test-plan"},
		{"oidcc-session-management", "oidcc-session-management-certification-test-plan"},
		{"oidcc-frontchannel-logout", "oidcc-frontchannel-rp-initiated-logout-certification-test-plan"},
		{"oidcc-backchannel-logout", "oidcc-backchannel-rp-initiated-logout-certification-test-plan"},
	} {
		list = append(list, certification{file: p.file, name: p.name, variant: logout, clients: basic[:2]})
	}
	for _, auth := range []string{"private_key_jwt", "mtls"} {
		for _, bound := range []string{"dpop", "mtls"} {
			short := map[string]string{"private_key_jwt": "jwt", "mtls": "mtls"}[auth] + "-" + bound
			variant := object{"client_auth_type": auth, "sender_constrain": bound, "fapi_profile": "plain_fapi", "openid": "openid_connect", "authorization_request_type": "simple"}
			signing := maps.Clone(variant)
			signing["fapi_request_method"], signing["fapi_response_mode"] = "signed_non_repudiation", "jarm"
			list = append(list,
				certification{
					file: "fapi2-security-" + short, name: "fapi2-security-profile-final-test-plan", variant: variant, fapi: true,
					clients: []string{"fapi2-" + short + "-1", "fapi2-" + short + "-2"},
				},
				certification{
					file: "fapi2-signing-" + short, name: "fapi2-message-signing-final-test-plan", variant: signing, fapi: true,
					clients: []string{"fapi2-signing-" + short + "-1", "fapi2-signing-" + short + "-2"},
				})
		}
	}
	for _, auth := range []string{"private_key_jwt", "mtls"} {
		for _, mode := range []string{"poll", "ping"} {
			file := "fapi-ciba-" + map[string]string{"private_key_jwt": "jwt", "mtls": "mtls"}[auth] + "-" + mode
			list = append(list, certification{
				file: file, name: "fapi-ciba-id1-test-plan", ciba: true, clients: []string{file + "-1", file + "-2"},
				variant: object{"client_auth_type": auth, "ciba_mode": mode, "fapi_ciba_profile": "plain_fapi", "client_registration": "static_client"},
			})
		}
	}
	return list
}

// cibaClient is a client of a plan of FAPI-CIBA: its tokens are bound to its certificate, and everything it signs has one algorithm.
func (k *conformanceKeys) cibaClient(p certification, id string) object {
	alg := k.key(id).Algorithm
	c := object{
		"client_id": id, "client_name": "Conformance suite", "scopes": []string{"openid", "profile", "email", "address", "phone", "offline_access"},
		"grant_types": []string{"urn:openid:params:grant-type:ciba", "refresh_token"}, "token_endpoint_auth_methods": []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg": alg, "jwks": object{"keys": []jose.JSONWebKey{k.certified(id)}}, "tls_client_certificate_bound_access_tokens": true,
		"backchannel_token_delivery_mode": p.variant["ciba_mode"], "backchannel_authentication_request_signing_alg": alg,
		"contract": object{"id_token_alg": alg, "access_token_alg": alg},
	}
	if p.variant["client_auth_type"] == "mtls" {
		c["token_endpoint_auth_methods"] = []string{"self_signed_tls_client_auth"}
		delete(c, "token_endpoint_auth_signing_alg")
	}
	if p.variant["ciba_mode"] == "ping" {
		c["backchannel_client_notification_endpoint"] = suiteURL + "/test/a/" + suiteAlias + "/ciba-notification-endpoint"
	}
	return c
}

// conformanceClients returns the clients that the plans name, as `idp client apply` reads them.
func conformanceClients(k *conformanceKeys) []object {
	callback := suiteURL + "/test/a/" + suiteAlias + "/callback"
	every := []string{"openid", "profile", "email", "address", "phone", "offline_access"}
	clients := map[string]object{}
	for _, id := range []string{"conformance-1", "conformance-2", "conformance-post"} {
		clients[id] = object{
			"client_id": id, "client_name": "Conformance suite", "secret_file": "secrets/" + id, "scopes": every,
			"redirect_uris": []string{callback, callback + "?dummy1=lorem&dummy2=ipsum"}, "post_logout_redirect_uris": []string{suiteURL + "/test/a/" + suiteAlias + "/post_logout_redirect"},
			"grant_types":            []string{"authorization_code", "refresh_token", "implicit"},
			"response_types":         []string{"code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"},
			"backchannel_logout_uri": suiteURL + "/test/a/" + suiteAlias + "/backchannel_logout", "frontchannel_logout_uri": suiteURL + "/test/a/" + suiteAlias + "/frontchannel_logout",
			"contract": object{"claims_in_id_token": false},
		}
	}
	for _, p := range certifications() {
		for _, id := range p.clients {
			if p.ciba {
				clients[id] = k.cibaClient(p, id)
			}
			if !p.fapi {
				continue
			}
			c := object{
				"client_id": id, "client_name": "Conformance suite", "profile": "fapi2", "scopes": every, "redirect_uris": []string{callback, callback + "?dummy1=lorem&dummy2=ipsum"},
				"grant_types": []string{"authorization_code", "refresh_token"}, "token_endpoint_auth_methods": []string{"private_key_jwt"},
				"jwks": object{"keys": []jose.JSONWebKey{k.public(id)}},
			}
			if p.variant["client_auth_type"] == "mtls" {
				c["token_endpoint_auth_methods"] = []string{"self_signed_tls_client_auth"}
			}
			if p.variant["sender_constrain"] == "mtls" {
				c["tls_client_certificate_bound_access_tokens"] = true
			}
			if p.variant["client_auth_type"] == "mtls" || p.variant["sender_constrain"] == "mtls" {
				c["jwks"] = object{"keys": []jose.JSONWebKey{k.certified(id)}}
			}
			if p.variant["fapi_request_method"] != nil {
				c["require_signed_request_object"], c["response_modes"] = true, []string{"jwt"}
			}
			clients[id] = c
		}
	}
	var list []object
	for _, id := range slices.Sorted(maps.Keys(clients)) {
		list = append(list, clients[id])
	}
	return list
}

// config is a plan file: what the suite's page "Create a new test plan" takes as JSON, and its command line as a file.
func (p certification) config(k *conformanceKeys) object {
	c := object{
		"alias": suiteAlias, "description": "idp: " + p.file, "server": object{"discoveryUrl": testedURL + "/.well-known/openid-configuration", "login_hint": testAddress},
		"browser": browserScript(),
	}
	if p.fapi {
		c["resource"] = object{"resourceUrl": testedURL + "/oauth2/userinfo"}
		c["override"] = object{
			"fapi2-security-profile-final-user-rejects-authentication":                                     object{"browser": rejectingScript()},
			"fapi2-security-profile-final-par-ensure-reused-request-uri-prior-to-auth-completion-succeeds": object{"browser": lookingScript()},
		}
	}
	if p.ciba {
		delete(c, "browser")
		c["resource"] = object{"resourceUrl": testedURL + "/oauth2/userinfo"}
		c["automated_ciba_approval_url"] = testedURL + "/dev/ciba?auth_req_id={auth_req_id}&action={action}"
	}
	if p.dynamic {
		c["client"], c["client2"] = object{"client_name": "Conformance suite"}, object{"client_name": "Conformance suite, second client"}
	}
	for i, id := range p.clients {
		client := object{"client_id": id, "scope": "openid"}
		if p.ciba {
			client["hint_type"], client["hint_value"] = "login_hint", testAddress
			if i == 1 { // asked for where discovery lists contexts; without it the suite stops there
				client["acr_value"] = passwordContext
			}
		}
		if p.fapi || p.ciba {
			client["scope"] = "openid offline_access"
			client["jwks"] = object{"keys": []jose.JSONWebKey{k.key(id)}}
			if p.ciba || p.variant["client_auth_type"] == "mtls" || p.variant["sender_constrain"] == "mtls" {
				certificate, key := k.pair(id)
				c[[]string{"mtls", "mtls2"}[i]] = object{"cert": certificate, "key": key}
			}
		} else {
			client["client_secret"] = k.secret(id)
		}
		c[[]string{"client", "client2", "client_secret_post"}[i]] = client
	}
	return object{"plan": p.name, "variant": p.variant, "config": c}
}

// browserScript is how the suite's browser, which runs no script of ours, goes through the pages: by the ids of their elements. Its tasks come one after
// another. Where a module wants a page to be seen, the script takes the picture.
func browserScript() []object {
	optional := func(task, match string, commands ...[]any) object {
		return object{"task": task, "optional": true, "match": testedURL + match, "commands": commands}
	}
	picture := func(id string) []any { return []any{"wait", "id", id, 10, ".*", "update-image-placeholder-optional"} }
	// With its host in front: the redirect URI stands in the address of our own pages too, and a star matches anything.
	suite := func(match string, commands ...[]any) object {
		return object{"task": "back at the suite", "optional": true, "match": suiteURL + "/test/*/" + match + "*", "commands": commands}
	}
	return []object{
		{"match": testedURL + "/oauth2/authorize*", "tasks": []object{
			optional("sign in", "/login*", picture("submit-login"), []any{"text", "css", "#identifier:not([hidden])", testAddress, "optional"}, []any{"text", "id", "password", "the suite is welcome here 42"}, []any{"click", "id", "submit-login"}),
			optional("allow", "/consent*", []any{"click", "id", "allow"}),
			optional("error page", "/oauth2/authorize*", picture("error-code")),
			suite("callback", []any{"wait", "id", "submission_complete", 10}),
		}},
		{"match": testedURL + "/oauth2/logout*", "tasks": []object{
			optional("sign out", "/logout?i=*", []any{"click", "id", "confirm-logout"}),
			optional("error page, or applications are told", "/oauth2/logout*", picture("title")),
			optional("signed out", "/logout*", picture("title")),
			suite("post_logout_redirect"),
		}},
	}
}

// rejectingScript is for the module in which the person does not want to sign in.
func rejectingScript() []object {
	return []object{{"match": testedURL + "/oauth2/authorize*", "tasks": []object{
		{"task": "cancel", "match": testedURL + "/login*", "commands": [][]any{{"click", "id", "cancel-login"}}},
		{"task": "back at the suite", "match": suiteURL + "/test/*/callback*", "commands": [][]any{{"wait", "id", "submission_complete", 10}}},
	}}}
}

// lookingScript is for the module that opens a page twice: the first time nobody may sign in.
func lookingScript() []object {
	look := object{"match": testedURL + "/oauth2/authorize*", "match-limit": 1, "tasks": []object{
		{"task": "look at the sign-in page", "match": testedURL + "/login*", "commands": [][]any{{"wait", "id", "submit-login", 10}}},
	}}
	return append([]object{look}, browserScript()...)
}

func (k *conformanceKeys) secret(id string) string {
	if k.Secrets[id] == "" {
		k.Secrets[id] = rand.Text() + rand.Text()
	}
	return k.Secrets[id]
}

// key returns a client's private key: an RSA key for the first client of a plan, with which the suite also tries RS256, and another for the second.
func (k *conformanceKeys) key(id string) jose.JSONWebKey {
	if _, ok := k.Keys[id]; !ok {
		var private any
		var err error
		alg := "ES256"
		if strings.HasSuffix(id, "-1") {
			alg = "PS256"
			private, err = rsa.GenerateKey(rand.Reader, 2048)
		} else {
			private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		}
		if err != nil {
			panic(err)
		}
		k.Keys[id] = jose.JSONWebKey{Key: private, KeyID: id, Algorithm: alg, Use: "sig"}
	}
	return k.Keys[id]
}

func (k *conformanceKeys) public(id string) jose.JSONWebKey {
	private := k.key(id)
	return private.Public()
}

// pair returns a client's certificate and its private key, in PEM.
func (k *conformanceKeys) pair(id string) (certificate, key string) {
	jwk := k.key(id)
	private := jwk.Key.(crypto.Signer)
	if k.Certificates[id] == "" {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: id}, NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2046, 1, 1, 0, 0, 0, 0, time.UTC),
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
		if err != nil {
			panic(err)
		}
		k.Certificates[id] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		panic(err)
	}
	return k.Certificates[id], string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// certified returns a client's public key with its certificate.
func (k *conformanceKeys) certified(id string) jose.JSONWebKey {
	text, _ := k.pair(id)
	block, _ := pem.Decode([]byte(text))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		panic(err)
	}
	public := k.public(id)
	public.Certificates = []*x509.Certificate{certificate}
	return public
}

// conformanceFiles returns what docs/conformance holds, by path, but for what is written by hand.
func conformanceFiles(t testing.TB, k *conformanceKeys) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, p := range certifications() {
		files["plans/"+p.file+".json"] = indented(t, p.config(k))
	}
	var clients []string
	for _, c := range conformanceClients(k) {
		if name, ok := c["secret_file"].(string); ok {
			files[name] = k.secret(c["client_id"].(string)) + "\n"
		}
		var members any // as JSON has them: keys and lists have their own ways to be written
		if err := json.Unmarshal([]byte(indented(t, c)), &members); err != nil {
			t.Fatal(err)
		}
		plain, err := yaml.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, string(plain))
	}
	files["clients.yaml"] = "# Written by the tests, which say how: go test ./e2e/conformance -run Fresh -update-conformance\n" + strings.Join(clients, "---\n")
	files["private.json"] = indented(t, k)
	return files
}

func indented(t testing.TB, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

func readConformanceKeys(t testing.TB) *conformanceKeys {
	t.Helper()
	k := &conformanceKeys{Secrets: map[string]string{}, Keys: map[string]jose.JSONWebKey{}, Certificates: map[string]string{}}
	text, err := os.ReadFile(filepath.Join(folder, "private.json"))
	if os.IsNotExist(err) && *updateConformance {
		return k
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, k); err != nil {
		t.Fatal(err)
	}
	return k
}

// The files of docs/conformance are what the table says.
func TestFilesAreFresh(t *testing.T) {
	k := readConformanceKeys(t)
	for name, want := range conformanceFiles(t, k) {
		path := filepath.Join(folder, name)
		if *updateConformance {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Errorf("%s is not what the table says (%v). Run: go test ./e2e/conformance -run Fresh -update-conformance", path, err)
		}
	}
}
