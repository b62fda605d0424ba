package clients

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"idp/e2e/server"
)

// suiteBrowser stands in for the suite at the addresses that the plans name, and remembers what arrived there.
type suiteBrowser struct {
	next    http.RoundTripper
	arrived *[]*url.URL
}

func (s suiteBrowser) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(r.URL.String(), suiteURL) {
		return s.next.RoundTrip(r)
	}
	*s.arrived = append(*s.arrived, r.URL)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/html"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(`<p id="submission_complete">There you are.</p>`)),
	}, nil
}

// planFile is a plan as the suite reads it.
type planFile struct {
	Config struct {
		Client struct {
			ID     string `json:"client_id"`
			Secret string `json:"client_secret"`
		} `json:"client"`
		Browser []struct {
			Match string `json:"match"`
			Tasks []struct {
				Task     string  `json:"task"`
				Match    string  `json:"match"`
				Commands [][]any `json:"commands"`
			} `json:"tasks"`
		} `json:"browser"`
	} `json:"config"`
}

// readPlan reads a plan for the server under test.
func readPlan(t *testing.T, name, issuer string) planFile {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(conformanceFolder, "plans", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var p planFile
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), testedURL, issuer)), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// matches is the suite's rule: stars stand for anything.
func matches(t *testing.T, pattern, address string) bool {
	t.Helper()
	// path.Match keeps stars from crossing slashes and gives ? a meaning; neither is wanted.
	plain := strings.NewReplacer("/", "\x01", "?", "\x02", "[", "\x03")
	ok, err := path.Match(plain.Replace(pattern), plain.Replace(address))
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// walk goes through the pages as a plan's browser script says, until the suite is reached, and returns what it got there.
func (p planFile) walk(t *testing.T, b *person, start string) *url.URL {
	t.Helper()
	var arrived []*url.URL
	b.http.Transport = suiteBrowser{b.http.Transport, &arrived}
	g := b.open(start)
	for range 6 {
		if len(arrived) > 0 {
			return arrived[0]
		}
		next := p.step(t, g, start)
		if next == nil {
			t.Fatalf("the script has no task for %s", g.describe())
		}
		g = next
	}
	t.Fatalf("the script does not come to an end: %s", g.describe())
	return nil
}

func (p planFile) step(t *testing.T, g *page, start string) *page {
	t.Helper()
	for _, script := range p.Config.Browser {
		if !matches(t, script.Match, start) {
			continue
		}
		for _, task := range script.Tasks {
			if !matches(t, task.Match, g.url.String()) {
				continue
			}
			var filled []string
			for _, c := range task.Commands {
				id, _ := c[2].(string)
				switch c[0] {
				case "text":
					n := g.element(id)
					if n == nil {
						t.Fatalf("task %q: %s has no #%s", task.Task, g.describe(), id)
					}
					value, _ := c[3].(string)
					filled = append(filled, attribute(n, "name"), value)
				case "click":
					return g.submit(id, filled...)
				}
			}
		}
	}
	return nil
}

// The settings of docs/conformance do what they are for: the clients load, the person has every claim, and the browser script of a plan finds its
// way by the ids of the elements, with no script of ours.
func TestConformance_SettingsWork(t *testing.T) { // protocol.md §3.3, §3.5, §3.10
	t.Parallel()
	clients, err := os.ReadFile(filepath.Join(conformanceFolder, "clients.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	user, err := os.ReadFile(filepath.Join(conformanceFolder, "user.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	folder, err := filepath.Abs(conformanceFolder)
	if err != nil {
		t.Fatal(err)
	}
	var seed strings.Builder
	seed.WriteString("clients:\n")
	for document := range strings.SplitSeq(string(clients), "---\n") {
		first := true
		for line := range strings.Lines(strings.ReplaceAll(document, "secret_file: ", "secret_file: "+folder+"/")) {
			switch {
			case strings.HasPrefix(line, "#"):
				continue
			case first:
				seed.WriteString("  - " + line)
			default:
				seed.WriteString("    " + line)
			}
			first = false
		}
	}
	seed.Write(user)
	s := server.Start(t, server.Seed(seed.String()))

	for _, tc := range []struct{ plan, responseType string }{
		{"oidcc-basic", "code"}, {"oidcc-implicit", "id_token token"}, {"oidcc-hybrid", "code id_token"},
	} {
		t.Run(tc.plan, func(t *testing.T) {
			p := readPlan(t, tc.plan, s.Issuer)
			callback := suiteURL + "/test/a/" + suiteAlias + "/callback"
			query := url.Values{
				"client_id": {p.Config.Client.ID}, "redirect_uri": {callback}, "response_type": {tc.responseType}, "state": {"s"}, "nonce": {"n"},
				"scope": {"openid profile email address phone"},
			}
			got := p.walk(t, visitor(t), s.Issuer+"/oauth2/authorize?"+query.Encode())
			params := got.Query()
			if tc.responseType != "code" {
				if params, err = url.ParseQuery(got.Fragment); err != nil {
					t.Fatal(err)
				}
			}
			if params.Get("state") != "s" || params.Get("code") == "" && params.Get("access_token") == "" {
				t.Fatalf("the suite got %s", got)
			}
			if tc.responseType != "code" {
				return
			}
			everyClaim(t, s.Issuer, p, callback, params.Get("code"))
		})
	}
}

// everyClaim exchanges a code and asks UserInfo.
func everyClaim(t *testing.T, issuer string, p planFile, callback, code string) {
	t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}}
	token := call(t, http.MethodPost, issuer+"/oauth2/token", "Basic "+base64.StdEncoding.EncodeToString([]byte(p.Config.Client.ID+":"+p.Config.Client.Secret)), form)
	access, _ := token["access_token"].(string)
	info := call(t, http.MethodGet, issuer+"/oauth2/userinfo", "Bearer "+access, nil)
	for _, name := range strings.Fields("sub name family_name given_name middle_name nickname preferred_username profile picture website gender birthdate zoneinfo locale updated_at " +
		"email email_verified address phone_number phone_number_verified") {
		if info[name] == nil || info[name] == "" {
			t.Errorf("UserInfo has no %s: the suite warns", name)
		}
	}
}

func call(t *testing.T, method, address, authorization string, form url.Values) map[string]any {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", authorization)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %v %v", method, address, res.StatusCode, body, err)
	}
	return body
}
