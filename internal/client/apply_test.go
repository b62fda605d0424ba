package client

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"idp/internal/idp"
)

const twoClients = `
client-id: web
client-name: Web
redirect-uris:
  - https://web.example/callback
secret_file: web.secret
---
client_id: spa
token_endpoint_auth_methods: [none]
redirect_uris: [https://spa.example/callback]
contract:
  access_token_ttl: 300
`

func resolver(files map[string]string) Resolver {
	return Resolver{
		ReadFile: func(name string) ([]byte, error) {
			if text, ok := files[name]; ok {
				return []byte(text), nil
			}
			return nil, os.ErrNotExist
		},
		LookupEnv: func(name string) (string, bool) { text, ok := files["$"+name]; return text, ok },
	}
}

func parse(t *testing.T, text string) []Document {
	t.Helper()
	docs, err := ParseFiles([]File{{Name: "clients/a.yaml", Data: []byte(text)}}, resolver(map[string]string{"clients/web.secret": randomSecret + "\n", "$WEB": randomSecret}))
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

func actions(p Plan) []string {
	var out []string
	for _, item := range p.Items {
		out = append(out, string(item.Action)+" "+item.ClientID)
	}
	return out
}

func TestApply_IsIdempotentAndPrunes(t *testing.T) {
	t.Parallel()
	s, ctx := newService(t), t.Context()
	byHand, _, err := s.Create(ctx, web("by-hand"), SecretOptions{Generate: true})
	if err != nil {
		t.Fatal(err)
	}
	apply := func(text string, o ApplyOptions) Plan {
		t.Helper()
		plan, err := s.Apply(ctx, parse(t, text), o)
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	before := events(t, s)
	if got, want := actions(apply(twoClients, ApplyOptions{DryRun: true})), []string{"create web", "create spa"}; !slices.Equal(got, want) {
		t.Errorf("dry run: got %v, want %v", got, want)
	}
	if _, err := s.Get(ctx, "web"); idp.KindOf(err) != idp.NotFound || len(events(t, s)) != len(before) {
		t.Errorf("after a dry run: got %v and %d events, want nothing written", err, len(events(t, s)))
	}
	apply(twoClients, ApplyOptions{})
	web1, err := s.Get(ctx, "web")
	if err != nil || web1.ManagedBy != DefaultSource || len(web1.Secrets) != 1 || !s.Keyring.VerifyDigest(idp.SecretPurpose, web1.Secrets[0].Digest, randomSecret) {
		t.Fatalf("applied: got %+v, %v, want it managed, with the file's secret", web1, err)
	}
	spa, err := s.Get(ctx, "spa")
	if want := func() idp.Contract { k := idp.DefaultContract(); k.AccessTokenTTL = 300; return k }(); err != nil || spa.Contract != want || !spa.RequirePKCE {
		t.Errorf("public client: got %+v, %v, want the defaults but for the lifetime, and PKCE", spa, err)
	}
	after := events(t, s)
	if got, want := actions(apply(twoClients, ApplyOptions{Prune: true})), []string{"unchanged web", "unchanged spa"}; !slices.Equal(got, want) {
		t.Errorf("second time: got %v, want %v", got, want)
	}
	if got := events(t, s); !slices.Equal(got, after) {
		t.Errorf("audit after the second time: got %v, want %v", got, after)
	}
	changed := strings.Replace(twoClients, "client-name: Web", "client-name: Site", 1)
	plan := apply(changed, ApplyOptions{DryRun: true})
	if want := []Change{{Field: "client_name", From: `"Web"`, To: `"Site"`}}; !slices.Equal(plan.Items[0].Changes, want) {
		t.Errorf("diff: got %v, want %v", plan.Items[0].Changes, want)
	}
	alone, _, _ := strings.Cut(changed, "---")
	if got, want := actions(apply(alone, ApplyOptions{Prune: true})), []string{"update web", "delete spa"}; !slices.Equal(got, want) {
		t.Errorf("prune: got %v, want %v", got, want)
	}
	if got, err := s.Get(ctx, "by-hand"); err != nil || !got.UpdatedAt.Equal(byHand.UpdatedAt) {
		t.Errorf("client made by hand: got %+v, %v, want it untouched", got, err)
	}
	want := append(after, "client.updated web", "client.deleted spa")
	if got := events(t, s); !slices.Equal(got, want) {
		t.Errorf("audit: got %v, want %v", got, want)
	}
}

func TestApply_KeepsThePromisedContract(t *testing.T) {
	t.Parallel()
	s, ctx := newService(t), t.Context()
	old := web("web")
	old.RedirectURIs = []string{"https://web.example/callback"}
	old.Contract = idp.DefaultContract()
	old.Contract.IDTokenTTL, old.Contract.ClaimsInIDToken = 120, false // as if an earlier release had had these defaults
	if _, _, err := s.Create(ctx, old, SecretOptions{Bring: randomSecret}); err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(twoClients, "---")
	plan, err := s.Apply(ctx, parse(t, first), ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []Change{{Field: "managed_by", From: "", To: `"files"`}}; !cmp.Equal(plan.Items[0].Changes, want) {
		t.Errorf("taking over: got %v, want %v alone", plan.Items[0].Changes, want)
	}
	if got, err := s.Get(ctx, "web"); err != nil || got.Contract.IDTokenTTL != 120 || got.Contract.ClaimsInIDToken {
		t.Errorf("contract: got %+v, %v, want what was promised", got.Contract, err)
	}
}

func TestApply_SecretsAreReadFromFilesOrMadeOnce(t *testing.T) {
	t.Parallel()
	s, ctx := newService(t), t.Context()
	const other = "Zq8LmB3xWv6TnK1yRc9Hs2Jd5GpUfAe7XiOo0Ktw"
	digest, err := SecretDigest(s.Keyring, other)
	if err != nil {
		t.Fatal(err)
	}
	doc := func(lines string) string {
		return "client_id: web\nclient_name: Web\nredirect_uris: [https://web.example/callback]\n" + lines
	}
	if _, err := s.Apply(ctx, parse(t, doc("")), ApplyOptions{}); idp.KindOf(err) != idp.Invalid {
		t.Errorf("new client without a secret: got %v, want Invalid", err)
	}
	if _, err := s.Apply(ctx, parse(t, doc("secret_digest: nobody."+strings.Repeat("a", 43))), ApplyOptions{}); idp.KindOf(err) != idp.Invalid {
		t.Errorf("digest of a foreign key ring: got %v, want Invalid", err)
	}
	for _, tc := range []struct {
		lines, change string
		secrets       []string
	}{
		{"secret_env: WEB", "0 kept, 1 new", []string{randomSecret}},
		{"secret_file: web.secret", "", []string{randomSecret}},
		{"", "", []string{randomSecret}},
		{"secret_env: [WEB]\nsecret_digest: " + digest, "1 kept, 1 new", []string{randomSecret, other}},
		{"secret_digest: " + digest, "1 kept", []string{other}},
		{"token_endpoint_auth_methods: [none]", "0 kept", nil},
	} {
		plan, err := s.Apply(ctx, parse(t, doc(tc.lines)), ApplyOptions{})
		if err != nil {
			t.Fatalf("%q: %v", tc.lines, err)
		}
		got := ""
		for _, c := range plan.Items[0].Changes {
			if c.Field == "secrets" {
				got = c.To
			}
			if strings.Contains(c.From+c.To, randomSecret) || strings.Contains(c.From+c.To, digest) {
				t.Errorf("%q: the diff shows a secret", tc.lines)
			}
		}
		if got != tc.change {
			t.Errorf("%q: change of secrets: got %q, want %q", tc.lines, got, tc.change)
		}
		c, err := s.Get(ctx, "web")
		if err != nil || len(c.Secrets) != len(tc.secrets) {
			t.Fatalf("%q: got %+v, %v, want %d secrets", tc.lines, c, err, len(tc.secrets))
		}
		for i, text := range tc.secrets {
			if !s.Keyring.VerifyDigest(idp.SecretPurpose, c.Secrets[i].Digest, text) {
				t.Errorf("%q: secret %d does not open", tc.lines, i)
			}
		}
	}
}

func TestApply_AllOrNothing(t *testing.T) {
	t.Parallel()
	s, ctx := newService(t), t.Context()
	docs := parse(t, twoClients)
	if _, err := s.Apply(ctx, docs[:1], ApplyOptions{Source: "team-a"}); err != nil {
		t.Fatal(err)
	}
	before := events(t, s)
	_, err := s.Apply(ctx, []Document{docs[1], docs[0]}, ApplyOptions{Source: "team-b"})
	if code(err) != "managed_by_file" || !strings.Contains(err.Error(), "clients/a.yaml:2") {
		t.Errorf("client of another source: got %v, want managed_by_file with its place", err)
	}
	if _, err := s.Get(ctx, "spa"); idp.KindOf(err) != idp.NotFound {
		t.Errorf("the other client of the refused apply: got %v, want not found", err)
	}
	if _, err := s.Apply(ctx, []Document{docs[1], docs[1]}, ApplyOptions{}); idp.KindOf(err) != idp.Invalid {
		t.Errorf("one client twice: got %v, want Invalid", err)
	}
	if got := events(t, s); !slices.Equal(got, before) {
		t.Errorf("audit: got %v, want %v", got, before)
	}
}

func TestParseFiles_FaultsNameFileAndLine(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want []string // each the beginning of one fault
	}{
		"unknown key":       {"client_id: a\nredirect_urls: [x]\n", []string{"f.yaml:2: There is no key \"redirect_urls\" here. Did you mean redirect_uris? docs/client-files.md"}},
		"key of elsewhere":  {"client_id: a\nname: x\n", []string{"f.yaml:2: There is no key \"name\" here. Did you mean client_name? docs/client-files.md"}},
		"key of nowhere":    {"client_id: a\ncolour: x\n", []string{"f.yaml:2: There is no key \"colour\" here. docs/client-files.md"}},
		"key twice":         {"client_id: a\nclient-id: b\n", []string{"f.yaml:2: The key \"client-id\" stands in line 1"}},
		"no value":          {"client_id:\n", []string{"f.yaml:1: The key \"client_id\" has no value"}},
		"wrong type":        {"client_id: a\nredirect_uris: https://a.example\n", []string{"f.yaml:2: \"redirect_uris\" is a list of texts"}},
		"wrong bool":        {"client_id: a\ntrusted: perhaps\n", []string{"f.yaml:2: \"trusted\" is true or false"}},
		"wrong number":      {"client_id: a\ncontract:\n  code_ttl: 1m\n", []string{"f.yaml:3: \"code_ttl\" is a whole number of seconds"}},
		"contract as text":  {"client_id: a\ncontract: default\n", []string{"f.yaml:2: \"contract\" is a list of keys"}},
		"unknown in it":     {"client_id: a\ncontract:\n  colour: red\n", []string{"f.yaml:3: There is no key \"colour\""}},
		"a list":            {"- client_id: a\n", []string{"f.yaml:1: A client is a list of keys"}},
		"a word":            {"client\n", []string{"f.yaml:1: A client is a list of keys"}},
		"empty":             {"", []string{"f.yaml:1: There is no client in it."}},
		"no id":             {"client_name: a\n", []string{"f.yaml:1: The client has no client_id."}},
		"broken":            {"client_id: [\n", []string{"f.yaml:1: The file is no YAML"}},
		"tab":               {"client_id: a\n\tx: y\n", []string{"f.yaml:1: The file is no YAML"}},
		"secret in it":      {"client_id: a\nclient_secret: " + randomSecret + "\n", []string{"f.yaml:2: A secret does not stand in the file itself"}},
		"secret is gone":    {"client_id: a\nsecret_file: nowhere\n", []string{"f.yaml:2: The secret's file nowhere does not exist"}},
		"secret unset":      {"client_id: a\nsecret_env: NOWHERE\n", []string{"f.yaml:2: The environment variable \"NOWHERE\" is not set"}},
		"secret weak":       {"client_id: a\nsecret_env: WEAK\n", []string{"f.yaml:2: The secret has 5 characters"}},
		"secret as mapping": {"client_id: a\nsecret_file: {a: b}\n", []string{"f.yaml:2: \"secret_file\" is a text, or a list"}},
		"managed_by":        {"client_id: a\nmanaged_by: me\n", []string{"f.yaml:2: There is no key \"managed_by\""}},
		"bad redirect":      {"client_id: a\nredirect_uris:\n- https://a.example/\n- //evil.example\n", []string{"f.yaml:4: The redirect URI"}},
		"no redirect":       {"client_id: a\n", []string{"f.yaml:1: A client that sends people"}},
		"bad contract":      {"client_id: a\nredirect_uris: [https://a.example/]\ncontract:\n  id_token_alg: none\n", []string{"f.yaml:4: \"none\" is not supported"}},
		"twice":             {"client_id: a\nredirect_uris: [https://a.example/]\n---\nclient_id: a\nredirect_uris: [https://a.example/]\n", []string{"f.yaml:4: The client a stands in f.yaml:1 already"}},
		"many at once": {"client_id: a\nx: 1\ny: 2\n---\nclient_id: 'b c'\nredirect_uris: [ftp://x]\n", []string{
			"f.yaml:2: There is no key \"x\"", "f.yaml:3: There is no key \"y\"", "f.yaml:5: The client id", "f.yaml:6: The redirect URI",
		}},
	} {
		docs, err := ParseFiles([]File{{Name: "f.yaml", Data: []byte(tc.text)}}, resolver(map[string]string{"$WEAK": "12345"}))
		faults := idp.Faults(err)
		if len(faults) != len(tc.want) || docs != nil {
			t.Errorf("%s: got %v, want %d faults", name, err, len(tc.want))
			continue
		}
		for i, fault := range faults {
			if !strings.HasPrefix(fault.Message, tc.want[i]) || fault.Kind != idp.Invalid || fault.Code != CodeFile {
				t.Errorf("%s: got %q, want it to begin with %q", name, fault.Message, tc.want[i])
			}
			if strings.Contains(fault.Message, randomSecret) {
				t.Errorf("%s: the message shows the secret", name)
			}
		}
	}
}

func TestReadPath_ReadsAFolderInOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"b.yaml", "a.yml", "c.json", "notes.txt", ".hidden.yaml"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := ReadPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f.Name))
	}
	if want := []string{"a.yml", "b.yaml", "c.json"}; !slices.Equal(names, want) {
		t.Errorf("files: got %v, want %v", names, want)
	}
	if _, err := ReadPath(t.TempDir()); idp.KindOf(err) != idp.Invalid {
		t.Errorf("empty folder: got %v, want Invalid", err)
	}
	if _, err := ReadPath(filepath.Join(dir, "gone")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such path: got %v, want not exist", err)
	}
}

// TestRegistration_HasEveryField: a field that is added to idp.Client is decided about here too.
func TestRegistration_HasEveryField(t *testing.T) {
	t.Parallel()
	var names func(v reflect.Type) map[string]string
	names = func(v reflect.Type) map[string]string {
		out := map[string]string{}
		for i := range v.NumField() {
			if v.Field(i).Anonymous && v.Field(i).Tag.Get("json") == "" {
				maps.Copy(out, names(v.Field(i).Type))
				continue
			}
			if name, _, _ := strings.Cut(v.Field(i).Tag.Get("json"), ","); name != "-" {
				out[name] = strings.TrimPrefix(v.Field(i).Type.String(), "*")
			}
		}
		return out
	}
	want := names(reflect.TypeFor[idp.Client]())
	delete(want, "secrets")
	delete(want, "managed_by")
	delete(want, "origin")
	want["contract"] = "client.ContractPatch"
	if diff := cmp.Diff(want, names(reflect.TypeFor[Registration]()), cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == `["default_max_age"]` }, cmp.Ignore())); diff != "" {
		t.Errorf("Registration against idp.Client (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(names(reflect.TypeFor[idp.Contract]()), names(reflect.TypeFor[ContractPatch]())); diff != "" {
		t.Errorf("ContractPatch against idp.Contract (-want +got):\n%s", diff)
	}
}

func TestRegistration_SurvivesARoundTrip(t *testing.T) {
	t.Parallel()
	age := int64(5)
	c := &idp.Client{
		ID: "a", Name: "n", Disabled: true, AuthMethods: []string{"1"}, RedirectURIs: []string{"2"}, PostLogoutRedirectURIs: []string{"3"}, AllowedOrigins: []string{"4"},
		GrantTypes: []string{"5"}, ResponseTypes: []string{"6"}, Scopes: []string{"7"}, Audience: []string{"8"}, RequirePKCE: true, Trusted: true, LogoURI: "9", ClientURI: "10", PolicyURI: "11", TosURI: "12",
		Contacts: []string{"13"}, DefaultMaxAge: &age, AlwaysReauthenticate: true, MaxSessionAge: 14, DefaultACRValues: []string{"15"},
		Contract: idp.Contract{
			Version: 16, IDTokenAlg: "17", AccessTokenAlg: "18", AccessTokenFormat: "19", ClaimsInIDToken: true, ReleaseUnverifiedEmail: true, RolesClaim: "20", CodeTTL: 21, AccessTokenTTL: 22, IDTokenTTL: 23,
			RefreshMode: "24", RefreshGrace: 25, RefreshIdle: 26, RefreshMax: 27, EndWithSession: true,
		},
		ClientApplication: idp.ClientApplication{ApplicationType: "28", InitiateLoginURI: "29", RequireAuthTime: true, SoftwareID: "30", SoftwareVersion: "31", Localized: map[string]string{"32": "33"}},
	}
	got := &idp.Client{ID: "a"}
	FromClient(c).On(got)
	if diff := cmp.Diff(c, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzParseFiles(f *testing.F) {
	f.Add([]byte(twoClients))
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, err := ParseFiles([]File{{Name: "f.yaml", Data: data}}, resolver(map[string]string{"web.secret": randomSecret}))
		if err != nil {
			for _, fault := range idp.Faults(err) {
				if fault.Code == CodeFile && !strings.HasPrefix(fault.Message, "f.yaml:") {
					t.Errorf("fault without a place: %q", fault.Message)
				}
			}
			return
		}
		for _, doc := range docs {
			c := doc.Client()
			if c.HasSecret() {
				c.Secrets = []idp.ClientSecret{{ID: "x", Digest: "x"}}
			}
			if err := c.Validate(); err != nil {
				t.Errorf("accepted, but not valid: %v", err)
			}
		}
	})
}
