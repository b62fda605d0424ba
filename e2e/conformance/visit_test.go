package conformance

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
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
		Client           clientConfig        `json:"client"`
		Client2          clientConfig        `json:"client2"`
		ClientSecretPost clientConfig        `json:"client_secret_post"`
		MTLS             pairConfig          `json:"mtls"`
		MTLS2            pairConfig          `json:"mtls2"`
		Browser          []script            `json:"browser"`
		Approval         string              `json:"automated_ciba_approval_url"`
		Override         map[string]struct { // by module
			Browser []script `json:"browser"`
		} `json:"override"`
	} `json:"config"`
}

// script is what a plan's browser does when it is sent to an address.
type script struct {
	Match string `json:"match"`
	Limit *int   `json:"match-limit"` // how often it is played
	Tasks []task `json:"tasks"`
}

// clientConfig is a client that a plan names.
type clientConfig struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
	Scope  string `json:"scope"`
	Name   string `json:"client_name"`

	HintType  string `json:"hint_type"`
	HintValue string `json:"hint_value"`
	ACR       string `json:"acr_value"`

	JWKS struct {
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

// readPlan reads a plan for the person with an address.
func readPlan(t testing.TB, file, address string) planFile {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "plans", file+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var p planFile
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), testAddress, address)), &p); err != nil {
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

// asSuite writes a query as the suite does, which leaves these characters alone: the redirect URI can be read in the address of our own pages, and must not
// be taken for where the browser is.
func asSuite(query url.Values) string {
	return strings.NewReplacer("%3A", ":", "%2F", "/", "%3F", "?", "%40", "@", "+", "%20").Replace(query.Encode())
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

// visit opens an address and goes through the pages as the plan's browser script says: its tasks come one after another, and one that is optional is
// left out where the browser is elsewhere. With a form it is posted, as from a page of the suite.
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
	v := visit{page: r.settle(r.browser.Do(req).Follow())}
	for _, script := range r.plan.Config.Browser {
		if !matches(r, script.Match, address) || script.Limit != nil && *script.Limit <= 0 {
			continue
		}
		if script.Limit != nil {
			*script.Limit--
		}
		for _, task := range script.Tasks {
			switch {
			case matches(r, task.Match, v.page.URL.String()):
				v.page = r.settle(r.perform(task, v.page))
				v.tasks = append(v.tasks, task.Task)
			case !task.Optional:
				r.failure("the browser script has the task %q, but the browser is at %s", task.Task, v.page.Describe())
			}
		}
		break
	}
	if len(r.arrived) > 0 {
		v.arrival = &r.arrived[0]
	}
	return v
}

// settle does what the page's own script would: the answer of form_post sends itself. Without a script it is a button.
func (r *run) settle(g *walk.Page) *walk.Page {
	r.Helper()
	if g.Is("response-form") {
		return g.Submit("submit-response")
	}
	return g
}

// perform does the commands of a task on a page, and returns where they lead.
func (r *run) perform(task task, g *walk.Page) *walk.Page {
	r.Helper()
	var filled []string
	for _, c := range task.Commands {
		selector, _ := c[2].(string)
		id, visible := strings.CutSuffix(strings.TrimPrefix(selector, "#"), ":not([hidden])")
		n := g.Element(id)
		if n != nil && visible && has(n, "hidden") {
			n = nil
		}
		if n == nil && c[len(c)-1] == "optional" {
			continue
		}
		if n == nil {
			r.stop("task %q: %s has no %s", task.Task, g.Describe(), selector)
		}
		switch c[0] {
		case "text":
			if has(n, "hidden") || has(n, "readonly") { // the suite's browser refuses
				r.stop("task %q: nobody can write into %s on %s", task.Task, selector, g.Describe())
			}
			value, _ := c[3].(string)
			filled = append(filled, walk.Attribute(n, "name"), value)
		case "click":
			if n.Data == "a" {
				to, err := g.URL.Parse(walk.Attribute(n, "href"))
				if err != nil {
					r.stop("task %q: %v", task.Task, err)
				}
				g = r.browser.Open(to.String())
			} else {
				g = g.Submit(id, filled...)
			}
			filled = nil
		case "wait": // the element is there; a picture may be taken of it
		default:
			r.stop("task %q: the command %q is none that is played here", task.Task, c[0])
		}
	}
	return g
}

func has(n *html.Node, attribute string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == attribute })
}
