package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Paths of the server under test.
const (
	pathDiscovery  = "/.well-known/openid-configuration"
	pathJWKS       = "/.well-known/jwks.json"
	pathAuthorize  = "/oauth2/authorize"
	pathToken      = "/oauth2/token"
	pathIntrospect = "/oauth2/introspect"
	pathUserInfo   = "/oauth2/userinfo"
	pathPush       = "/oauth2/par"
	pathDevice     = "/oauth2/device"
)

// site is the server as its clients see it, with the answers that must not change during a run.
type site struct {
	issuer, host string
	discovery    []byte
	jwks         []byte
	keys         jose.JSONWebKeySet
}

// open reads the documents and checks them thoroughly, once; each later answer must be the same bytes.
func open(issuer, address string) (*site, error) {
	s := &site{issuer: issuer, host: address}
	c := newConn(address)
	defer c.close()
	a, err := c.send(s.get(pathDiscovery, ""))
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	var doc struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
		Token  string `json:"token_endpoint"`
	}
	if err := json.Unmarshal(a.body, &doc); err != nil || a.status != 200 || doc.Issuer != issuer || doc.JWKS != issuer+pathJWKS || doc.Token != issuer+pathToken {
		return nil, fmt.Errorf("discovery: status %d, %s", a.status, a.body)
	}
	s.discovery = bytes.Clone(a.body)
	if a, err = c.send(s.get(pathJWKS, "")); err != nil {
		return nil, fmt.Errorf("jwks: %w", err)
	}
	if err := json.Unmarshal(a.body, &s.keys); err != nil || a.status != 200 || len(s.keys.Keys) == 0 {
		return nil, fmt.Errorf("jwks: status %d, %s", a.status, a.body)
	}
	s.jwks = bytes.Clone(a.body)
	return s, nil
}

func (s *site) get(path, headers string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + s.host + "\r\n" + headers + "\r\n")
}

// post builds a form request on buf.
func (s *site) post(buf []byte, path, headers, body string) []byte {
	buf = append(buf[:0], "POST "+path+" HTTP/1.1\r\nHost: "+s.host+"\r\nContent-Type: application/x-www-form-urlencoded\r\n"...)
	buf = append(buf, headers...)
	buf = append(buf, "Content-Length: "...)
	buf = strconv.AppendInt(buf, int64(len(body)), 10)
	buf = append(buf, "\r\n\r\n"...)
	return append(buf, body...)
}

func basic(clientID string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(clientID+":"+clientSecret)) + "\r\n"
}

// member returns a string member of a flat JSON object without parsing the rest.
func member(body []byte, name string) string {
	_, rest, ok := bytes.Cut(body, []byte(`"`+name+`":"`))
	if !ok {
		return ""
	}
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(value)
}

// wrong describes an answer that is not the right one.
func wrong(what string, a answer) error {
	location := header(a.head, "Location")
	return fmt.Errorf("%s: status %d, location %.200s, body %.300s", what, a.status, location, a.body)
}

// tokens is a right answer of the token endpoint.
type tokens struct{ access, id, refresh string }

// ask sends a token request of a client and checks the answer's form: a bearer token that is a JWT, and what else is wanted.
func (w *worker) ask(clientID, body string, wantID, wantRefresh bool) (tokens, error) {
	w.request = w.site.post(w.request, pathToken, basic(clientID), body)
	a, err := w.send(w.request)
	if err != nil {
		return tokens{}, err
	}
	t := tokens{member(a.body, "access_token"), member(a.body, "id_token"), member(a.body, "refresh_token")}
	if a.status != 200 || member(a.body, "token_type") != "Bearer" || strings.Count(t.access, ".") != 2 ||
		wantID != (strings.Count(t.id, ".") == 2) || wantRefresh != (t.refresh != "") {
		return tokens{}, wrong("token", a)
	}
	return t, nil
}

// query returns an authorization request. prompt=none: no page may come, and the breaker of redirect loops does not count it
// (FD-3), which many requests of one session would trigger.
func query(clientID, scope, state, nonce, prompt string) string {
	q := url.Values{
		"response_type": {"code"}, "client_id": {clientID}, "redirect_uri": {redirectURI}, "scope": {scope}, "state": {state}, "nonce": {nonce},
	}
	if prompt != "" {
		q.Set("prompt", prompt)
	}
	return q.Encode()
}

// code makes an authorization request with the worker's session and returns the code.
func (w *worker) code(clientID, scope, state, nonce string) (string, error) {
	request := w.site.get(pathAuthorize+"?"+query(clientID, scope, state, nonce, "none"), w.cookieHeader())
	a, err := w.send(request)
	if err != nil {
		return "", err
	}
	return codeOf(a, state)
}

// codeOf takes the code out of a redirect to the application, which must bear the state and the issuer.
func codeOf(a answer, state string) (string, error) {
	rest, ok := bytes.CutPrefix(header(a.head, "Location"), []byte(redirectURI+"?"))
	if !ok || a.status != 303 || !bytes.Contains(rest, []byte("state="+state)) || !bytes.Contains(rest, []byte("iss=")) {
		return "", wrong("authorize", a)
	}
	_, value, ok := bytes.Cut(rest, []byte("code="))
	if !ok {
		return "", wrong("authorize", a)
	}
	value, _, _ = bytes.Cut(value, []byte("&"))
	return string(value), nil
}

// authorize is the whole code flow of a session: authorization request and token request.
func (w *worker) authorize(clientID, scope, state, nonce string) (tokens, error) {
	code, err := w.code(clientID, scope, state, nonce)
	if err != nil {
		return tokens{}, err
	}
	openid := strings.Contains(scope, "openid")
	t, err := w.ask(clientID, "grant_type=authorization_code&code="+code+"&redirect_uri="+url.QueryEscape(redirectURI), openid, strings.Contains(scope, "offline_access"))
	if err != nil {
		return t, err
	}
	if openid {
		err = w.checkID(t.id, nonce)
	}
	return t, err
}

// checkID looks into an ID token: it is this user's and answers this request.
func (w *worker) checkID(token, nonce string) error {
	var claims struct {
		Subject string `json:"sub"`
		Nonce   string `json:"nonce"`
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return errors.New("the ID token is no JWT")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return fmt.Errorf("ID token: %w", err)
	}
	if err := json.Unmarshal(text, &claims); err != nil {
		return fmt.Errorf("ID token: %w", err)
	}
	if claims.Nonce != nonce || claims.Subject == "" || w.user != "" && claims.Subject != w.user {
		return fmt.Errorf("ID token: %s", text)
	}
	w.user = claims.Subject
	return nil
}

// verify checks a token's algorithm and signature. It is for set-up: a signature costs more than the rest of an answer.
func (s *site) verify(token, alg string) error {
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		return fmt.Errorf("token is not signed with %s: %w", alg, err)
	}
	for _, key := range s.keys.Keys {
		if key.KeyID == parsed.Signatures[0].Header.KeyID {
			_, err := parsed.Verify(key)
			return err
		}
	}
	return errors.New("the token's key is not in the JWKS")
}

var (
	hiddenField = regexp.MustCompile(`<input type="hidden" name="(csrf|i)" value="([^"]*)">`)
	refreshMeta = regexp.MustCompile(`<meta http-equiv="refresh" content="0;url=([^"]*)">`)
)

// signIn is a whole sign-in of a browser without cookies: the application's redirect, the page, the form with the password, and back
// to the application with a code.
func (w *worker) signIn(clientID, state string) error {
	w.cookies = w.cookies[:0]
	a, err := w.send(w.site.get(pathAuthorize+"?"+query(clientID, "openid", state, "n", ""), ""))
	if err != nil {
		return err
	}
	w.keepCookies(a)
	page := w.local(header(a.head, "Location"))
	if a.status != 303 || page == "" {
		return wrong("sign-in, first redirect", a)
	}
	if a, err = w.send(w.site.get(page, w.cookieHeader())); err != nil {
		return err
	}
	w.keepCookies(a)
	form := url.Values{"identifier": {username(w.number)}, "password": {password}}
	for _, field := range hiddenField.FindAllSubmatch(a.body, -1) {
		form.Set(string(field[1]), html.UnescapeString(string(field[2])))
	}
	if a.status != 200 || !form.Has("csrf") || !form.Has("i") {
		return wrong("sign-in, page", a)
	}
	path, _, _ := strings.Cut(page, "?")
	headers := w.cookieHeader() + "Origin: " + w.site.issuer + "\r\nSec-Fetch-Site: same-origin\r\n"
	w.request = w.site.post(w.request, path, headers, form.Encode())
	if a, err = w.send(w.request); err != nil {
		return err
	}
	w.keepCookies(a)
	next := w.local(header(a.head, "Location"))
	if meta := refreshMeta.FindSubmatch(a.body); next == "" && meta != nil {
		next = w.local([]byte(html.UnescapeString(string(meta[1]))))
	}
	if next == "" {
		return wrong("sign-in, form", a)
	}
	if a, err = w.send(w.site.get(next, w.cookieHeader())); err != nil {
		return err
	}
	w.keepCookies(a)
	_, err = codeOf(a, state)
	return err
}

// local returns path and query of an address of the server itself, empty for any other.
func (w *worker) local(address []byte) string {
	text := string(address)
	if rest, ok := strings.CutPrefix(text, w.site.issuer); ok {
		text = rest
	}
	if !strings.HasPrefix(text, "/") {
		return ""
	}
	return text
}
