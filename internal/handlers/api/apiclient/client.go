package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"idp/internal/handlers/api"
	"idp/internal/idp"
	"idp/internal/secret"
)

const maxAnswer = 64 << 20

// Config says where the server is.
type Config struct {
	HTTP    *http.Client
	BaseURL string          // the issuer + api.Path
	Token   secret.Redacted // an access token; empty if HTTP's transport sees to it
}

// Client calls the administration interface. It is safe for concurrent use. Its errors are *idp.Error, joined where there are several faults.
type Client struct {
	http  *http.Client
	base  string
	token secret.Redacted
}

// New returns a client. It follows no redirect: the token is for one server.
func New(c Config) (*Client, error) {
	base, err := url.Parse(c.BaseURL)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, idp.Invalidf("url", "%q is no address of a server. Write it like https://idp.example.", c.BaseURL)
	}
	if c.HTTP == nil {
		return nil, errors.New("apiclient: no HTTP client")
	}
	h := *c.HTTP
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{http: &h, base: strings.TrimSuffix(c.BaseURL, "/"), token: c.Token}, nil
}

// Page says which part of a list is wanted: at most Limit items (50 if 0) behind After.
type Page struct {
	After string
	Limit int
}

func (p Page) query() url.Values {
	q := url.Values{}
	if p.After != "" {
		q.Set("after", p.After)
	}
	if p.Limit > 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	return q
}

// Change is what goes with a change to a client.
type Change struct {
	Force   bool   // change it although it is kept in files
	IfMatch string // only if it is still this version
}

// call is one request.
type call struct {
	method  string
	path    []string // segments, not escaped
	query   url.Values
	body    any
	kind    string // of the body; application/json if empty
	ifMatch string
}

func (c *Client) do(ctx context.Context, in call, out any) (http.Header, error) {
	address := c.base
	for _, segment := range in.path {
		// "." and ".." would be resolved away, and name another operation.
		if segment == "" || segment == "." || segment == ".." {
			return nil, idp.Invalidf("id", "%q is no id.", segment)
		}
		address += "/" + url.PathEscape(segment)
	}
	if len(in.query) > 0 {
		address += "?" + in.query.Encode()
	}
	var body io.Reader
	if in.body != nil {
		text, err := json.Marshal(in.body)
		if err != nil {
			return nil, fmt.Errorf("encode a request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, in.method, address, body)
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	r.Header.Set("Accept", idp.MediaJSON)
	if body != nil {
		r.Header.Set("Content-Type", idp.MediaJSON)
		if in.kind != "" {
			r.Header.Set("Content-Type", in.kind)
		}
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	if in.ifMatch != "" {
		r.Header.Set("If-Match", in.ifMatch)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, &idp.Error{Kind: idp.Unavailable, Code: "unreachable", Message: fmt.Sprintf("The server at %s cannot be reached (%s). Is it running, and is the address right?", c.base, reason(err)), Err: err}
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, &idp.Error{Kind: idp.Unavailable, Code: "answer_incomplete", Message: "The server's answer did not arrive whole. Try again.", Err: err}
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return nil, c.failure(answer, text)
	}
	if out == nil {
		return answer.Header, nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return nil, &idp.Error{Kind: idp.Unavailable, Code: "answer_strange", Message: "The server at " + c.base + " answered something else than JSON. Is the address that of an idp server?", Err: err}
	}
	return answer.Header, nil
}

// kind is the inverse of the server's table.
// reason returns an error without the method and the address that net/http puts before it.
func reason(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func kind(status int) idp.Kind {
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusUnsupportedMediaType, http.StatusRequestEntityTooLarge:
		return idp.Invalid
	case http.StatusUnauthorized:
		return idp.Unauthenticated
	case http.StatusForbidden:
		return idp.Forbidden
	case http.StatusNotFound:
		return idp.NotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return idp.Conflict
	case http.StatusGone:
		return idp.Gone
	case http.StatusTooManyRequests:
		return idp.Throttled
	case http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		return idp.Unavailable
	}
	return idp.Internal
}

// failure turns an answer that is none into an error.
func (c *Client) failure(answer *http.Response, text []byte) error {
	var p api.Problem
	media, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if media != idp.MediaProblem || json.Unmarshal(text, &p) != nil || p.Code == "" {
		strange := kind(answer.StatusCode)
		if strange == idp.NotFound || strange == idp.Conflict {
			strange = idp.Internal // it does not speak of what was asked for
		}
		return &idp.Error{
			Kind: strange, Code: "answer_strange",
			Message: fmt.Sprintf("The server at %s answered %d without saying why. Is the address that of an idp server?", c.base, answer.StatusCode),
		}
	}
	var cause error
	if p.RequestID != "" {
		cause = fmt.Errorf("request %s", p.RequestID)
	}
	retry, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
	one := func(code, field, message string) error {
		return &idp.Error{Kind: kind(p.Status), Code: code, Field: field, Message: message, RetryAfter: time.Duration(retry) * time.Second, Err: cause}
	}
	if len(p.Errors) < 2 {
		return one(p.Code, p.Field, p.Detail)
	}
	var all []error
	for _, e := range p.Errors {
		all = append(all, one(e.Code, e.Field, e.Detail))
	}
	return errors.Join(all...)
}

// get, send and remove are the three forms that nearly every operation has.
func get[T any](ctx context.Context, c *Client, query url.Values, path ...string) (T, error) {
	var out T
	_, err := c.do(ctx, call{method: http.MethodGet, path: path, query: query}, &out)
	return out, err
}

func send[T any](ctx context.Context, c *Client, method string, body any, path ...string) (T, error) {
	var out T
	_, err := c.do(ctx, call{method: method, path: path, body: body}, &out)
	return out, err
}

func (c *Client) remove(ctx context.Context, o Change, path ...string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: path, query: o.query(), ifMatch: o.IfMatch}, nil)
	return err
}

func (o Change) query() url.Values {
	if !o.Force {
		return nil
	}
	return url.Values{"force": {"true"}}
}

// patch sends a JSON Merge Patch: members of body that are null get their default.
func patch[T any](ctx context.Context, c *Client, o Change, body any, path ...string) (T, error) {
	var out T
	_, err := c.do(ctx, call{method: http.MethodPatch, path: path, query: o.query(), body: body, kind: idp.MediaMergePatch, ifMatch: o.IfMatch}, &out)
	return out, err
}
