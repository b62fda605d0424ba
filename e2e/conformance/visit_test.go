package conformance

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"idp/e2e/walk"
)

// planFile is a plan as the suite reads it.
type planFile struct {
	Variant map[string]string `json:"variant"`
	Config  struct {
		Server struct {
			LoginHint string `json:"login_hint"`
		} `json:"server"`
		Client           clientConfig `json:"client"`
		Client2          clientConfig `json:"client2"`
		ClientSecretPost clientConfig `json:"client_secret_post"`
		MTLS             pairConfig   `json:"mtls"`
		MTLS2            pairConfig   `json:"mtls2"`
		Browser          []struct {
			Match string `json:"match"`
			Tasks []task `json:"tasks"`
		} `json:"browser"`
	} `json:"config"`
}

// clientConfig is a client that a plan names.
type clientConfig struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
	Scope  string `json:"scope"`
	Name   string `json:"client_name"`
	JWKS   struct {
		Keys []json.RawMessage `json:"keys"`
	} `json:"jwks"`
}

type pairConfig struct{ Cert, Key string }

// task is a page in a plan's browser script.
type task struct {
	Task     string  `json:"task"`
	Match    string  `json:"match"`
	Optional bool    `json:"optional"`
	Commands [][]any `json:"commands"`
}

// readPlan reads a plan.
func readPlan(t testing.TB, file string) planFile {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "plans", file+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var p planFile
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// matches is the suite's rule: stars stand for anything.
func matches(t testing.TB, pattern, address string) bool {
	t.Helper()
	// path.Match keeps stars from crossing slashes and gives ? a meaning; neither is wanted.
	plain := strings.NewReplacer("/", "\x01", "?", "\x02", "[", "\x03")
	ok, err := path.Match(plain.Replace(pattern), plain.Replace(address))
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// visit is where the browser came to.
type visit struct {
	*arrival            // at the suite; nil: it stayed at the server
	page     *walk.Page // the last one
	tasks    []string   // of the script, in order: what somebody had to do
}

// did reports whether somebody had to do a task of the script.
func (v visit) did(task string) bool {
	for _, t := range v.tasks {
		if t == task {
			return true
		}
	}
	return false
}

// visit opens an address and goes through the pages as the plan's browser script says, until the suite is reached or a page comes for which
// the script has nothing to do. With a form it is posted, as from a page of the suite.
func (r *run) visit(address string, form url.Values) visit {
	r.Helper()
	if r.browser == nil {
		r.newBrowser()
	}
	r.arrived = nil
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	req := r.request(method, address, form)
	if form != nil {
		req.Header.Set("Origin", suiteURL)
		req.Header.Set("Sec-Fetch-Site", "cross-site")
	}
	req.Header.Set("Accept", "text/html,*/*;q=0.8")
	v := visit{page: r.browser.Do(req).Follow()}
	for range 8 {
		if len(r.arrived) > 0 {
			v.arrival = &r.arrived[0]
			return v
		}
		next, name := r.step(v.page, address)
		if next == nil {
			return v
		}
		v.page = next
		if name != "" {
			v.tasks = append(v.tasks, name)
		}
	}
	r.stop("the browser script does not come to an end: %s", v.page.Describe())
	return v
}

// step does what the script says about a page. It returns nil if it says nothing.
func (r *run) step(g *walk.Page, start string) (next *walk.Page, name string) {
	r.Helper()
	// The answer of form_post sends itself by its script; without one, by its button.
	if g.Is("response-form") {
		return g.Submit("submit-response"), ""
	}
	for _, script := range r.plan.Config.Browser {
		if !matches(r, script.Match, start) {
			continue
		}
		for _, task := range script.Tasks {
			if !matches(r, task.Match, g.URL.String()) {
				continue
			}
			var filled []string
			for _, c := range task.Commands {
				id, _ := c[2].(string)
				switch c[0] {
				case "text":
					n := g.Element(id)
					if n == nil {
						r.stop("task %q: %s has no #%s", task.Task, g.Describe(), id)
					}
					value, _ := c[3].(string)
					filled = append(filled, walk.Attribute(n, "name"), value)
				case "click":
					n := g.Element(id)
					if n == nil {
						r.stop("task %q: %s has no #%s", task.Task, g.Describe(), id)
					}
					if n.Type == html.ElementNode && n.Data == "a" {
						to, err := g.URL.Parse(walk.Attribute(n, "href"))
						if err != nil {
							r.stop("task %q: %v", task.Task, err)
						}
						return r.browser.Open(to.String()), task.Task
					}
					return g.Submit(id, filled...), task.Task
				}
			}
		}
	}
	return nil, ""
}
