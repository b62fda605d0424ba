package conformance

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"idp/e2e/walk"
)

// variant is how a plan plays a module: what the suite calls response_type, client_auth_type, response_mode and client_registration.
type variant struct {
	responseType string
	auth         string
	formPost     bool
	dynamic      bool
	signedIn     bool // the browser is signed in when the module begins
}

func (v variant) hasCode() bool    { return v.has("code") }
func (v variant) hasToken() bool   { return v.has("token") }
func (v variant) hasIDToken() bool { return v.has("id_token") }
func (v variant) has(part string) bool {
	return strings.Contains(" "+v.responseType+" ", " "+part+" ")
}

// String names the variant in the names of tests.
func (v variant) String() string {
	name := strings.ReplaceAll(v.responseType, " ", "+")
	if v.dynamic {
		name += ",dynamic"
	}
	return strings.TrimPrefix(name, ",")
}

// run is one module being played.
type run struct {
	*testing.T
	op *op
	variant
	file    string // the plan's
	module  string // which is played; empty: none
	plan    planFile
	who     *somebody
	alias   string // the run's own, for addresses at the suite that the server calls
	browser *walk.Person
	arrived []arrival
	skips   string   // why the suite would leave the module out
	looks   []string // what the suite would show to somebody
}

// newRun returns a run of a plan in a variant, in which somebody signs in.
func newRun(t *testing.T, s *op, who *somebody, file string, as variant) *run {
	t.Helper()
	return &run{T: t, op: s, who: who, variant: as, file: file, plan: readPlan(t, file, who.address), alias: suiteAlias + "-" + strings.ToLower(rand.Text()[:12])}
}

// scripted says which module is played: the plan may have a script of its own for it.
func (r *run) scripted(module string) {
	r.module = module
	if other, has := r.plan.Config.Override[module]; has {
		r.plan.Config.Browser = other.Browser
	}
}

// moveTo plays the module at another server.
func (r *run) moveTo(s *op) {
	r.Helper()
	r.op, r.who = s, s.anybody()
	r.plan = readPlan(r.T, r.file, r.who.address)
	r.scripted(r.module)
}

// arrival is a request that the browser brought to the suite.
type arrival struct {
	method, contentType string
	url                 *url.URL
	form                url.Values // of the body
}

// failure is what the suite calls FAILURE; the module goes on.
func (r *run) failure(format string, args ...any) {
	r.Helper()
	r.Errorf("FAILURE: "+format, args...)
}

// warning is what the suite calls WARNING, and we do not allow.
func (r *run) warning(format string, args ...any) {
	r.Helper()
	r.Errorf("WARNING: "+format, args...)
}

// stop is a failure after which the module cannot go on.
func (r *run) stop(format string, args ...any) {
	r.Helper()
	r.Fatalf("FAILURE: "+format, args...)
}

// skip notes that the suite would end the module here, without a verdict. The module returns then.
func (r *run) skip(why string) { r.skips = why }

// look notes that the suite asks somebody to look at a page.
func (r *run) look(at string) { r.looks = append(r.looks, at) }

// verdict is what the suite would say if nothing failed.
func (r *run) verdict() string {
	switch {
	case r.skips != "":
		return "SKIPPED: " + r.skips
	case len(r.looks) > 0:
		return "REVIEW: " + strings.Join(r.looks, ", ")
	}
	return "PASSED"
}

// pause waits for d of real time: the server is another process, and no test can move its clock.
func (r *run) pause(d time.Duration) {
	r.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

// newBrowser gives the run a browser without cookies.
func (r *run) newBrowser() {
	r.Helper()
	r.browser = walk.Visitor(r.T, atSuite{r})
}

// enter gives the run a browser that is signed in already, as a person's own is. The suite's begins every module without cookies.
func (r *run) enter() {
	r.Helper()
	r.newBrowser()
	base, err := url.Parse(testedURL + "/")
	if err != nil {
		r.stop("%v", err)
	}
	r.who.signIn.Do(func() {
		other := newRun(r.T, r.op, r.who, "oidcc-basic", variant{responseType: "code", auth: "client_secret_basic"})
		other.first().authorize().good()
		r.who.cookies = other.browser.HTTP.Jar.Cookies(base)
	})
	var cookies []*http.Cookie
	for _, c := range r.who.cookies {
		cookies = append(cookies, &http.Cookie{Name: c.Name, Value: c.Value, Path: "/", Secure: true})
	}
	r.browser.HTTP.Jar.SetCookies(base, cookies)
}

// atSuite keeps what a browser brings to the suite, and lets everything else through.
type atSuite struct{ r *run }

// RoundTrip answers in the suite's place.
func (s atSuite) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(req.URL.String(), suiteURL+"/test/") {
		return s.r.op.transport.RoundTrip(req)
	}
	got := arrival{method: req.Method, contentType: req.Header.Get("Content-Type"), url: req.URL}
	if req.Body != nil {
		text, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		if got.form, err = url.ParseQuery(string(text)); err != nil {
			return nil, fmt.Errorf("what the browser posts to the suite: %w", err)
		}
	}
	s.r.arrived = append(s.r.arrived, got)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/html"}}, Request: req,
		Body: io.NopCloser(strings.NewReader(`<p id="submission_complete">There you are.</p>`)),
	}, nil
}

// answer is what an endpoint answered.
type answer struct {
	what   string
	status int
	header http.Header
	body   []byte
	json   map[string]any // nil: not a JSON object; numbers are json.Number
}

// str returns a member that is a string, or "".
func (a *answer) str(name string) string {
	text, _ := a.json[name].(string)
	return text
}

// call sends a request without cookies, over another transport than the usual one if it is given.
func (r *run) call(req *http.Request, over http.RoundTripper) *answer {
	r.Helper()
	if over == nil {
		over = r.op.transport
	}
	client := &http.Client{Transport: over, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		r.stop("%s %s: %v", req.Method, req.URL, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.stop("%s %s: read the answer: %v", req.Method, req.URL, err)
	}
	a := &answer{what: req.Method + " " + req.URL.Path, status: res.StatusCode, header: res.Header, body: body}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&a.json) != nil {
		a.json = nil
	}
	if a.status >= 500 {
		r.failure("%s: status %d: %.300s", a.what, a.status, a.body)
	}
	return a
}

// request makes a request with a form in its body, if there is one.
func (r *run) request(method, address string, form url.Values) *http.Request {
	r.Helper()
	var body io.Reader = http.NoBody
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(r.Context(), method, address, body)
	if err != nil {
		r.stop("%s %s: %v", method, address, err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Accept", "application/json")
	return req
}

// send sends JSON.
func (r *run) send(method, address, bearer string, members any) *answer {
	r.Helper()
	text, err := json.Marshal(members)
	if err != nil {
		r.stop("%v", err)
	}
	req := r.request(method, address, nil)
	if members != nil {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		req.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	return r.call(req, nil)
}

// wantJSON wants the media type of JSON.
func (r *run) wantJSON(a *answer) {
	r.Helper()
	if media, _, _ := strings.Cut(a.header.Get("Content-Type"), ";"); strings.TrimSpace(media) != "application/json" || a.json == nil {
		r.failure("%s answers %q and %.200s, want a JSON object", a.what, a.header.Get("Content-Type"), a.body)
	}
}
