package main

import (
	"bytes"
	"errors"
	"net/url"
	"strconv"
)

// scenario is a row of the report.
type scenario struct {
	name string
	// what the limit is made of; see goals.go.
	parts []part
	// least and most of the limit that is the goal; both zero if there is none.
	least, most float64
	// prepare runs once for each worker before the cells; may be nil.
	prepare func(w *worker) error
	do      operation
}

func scenarioNames() []string {
	var names []string
	for _, s := range scenarios() {
		names = append(names, s.name)
	}
	return names
}

func scenarios() []scenario {
	return []scenario{
		{name: "discovery", parts: []part{partConf}, least: 0.79, do: func(w *worker) error { return w.document(pathDiscovery, w.site.discovery) }},
		{name: "jwks", parts: []part{partKeys}, least: 0.79, do: func(w *worker) error { return w.document(pathJWKS, w.site.jwks) }},
		{name: "client_credentials", parts: []part{partPost, partJSON, partES256}, least: 0.68, do: clientCredentials("es256")},
		{name: "client_credentials_eddsa", parts: []part{partPost, partJSON, partEdDSA}, least: 0.63, do: clientCredentials("eddsa")},
		{name: "client_credentials_rs256", parts: []part{partPost, partJSON, partRS256}, least: 0.85, do: clientCredentials("rs256")},
		{
			name: "refresh", parts: []part{partPost, partJSON, partES256, partRotate}, least: 0.60, most: 0.70,
			prepare: chain("api.read offline_access"), do: refresh(false),
		},
		{
			name: "refresh_id_token", parts: []part{partPost, partJSON, partES256, partES256, partRotate}, least: 0.60, most: 0.70,
			prepare: chain(userScopes + " offline_access"), do: refresh(true),
		},
		{name: "introspect", parts: []part{partPost, partJSON, partRead}, least: 0.70, prepare: (*worker).accessToken, do: introspect("es256")},
		{name: "userinfo", parts: []part{partGet, partJSON, partRead}, least: 0.65, prepare: (*worker).accessToken, do: userInfo},
		{
			name: "code", parts: []part{partGet, partInsert, partPost, partJSON, partRotate, partES256, partES256}, least: 0.55, most: 0.70,
			do: codeFlow("es256"),
		},
		{
			name: "code_rs256", parts: []part{partGet, partInsert, partPost, partJSON, partRotate, partES256, partRS256}, least: 0.83,
			do: codeFlow("default"),
		},
		{
			// Of the assertions and the proof each is verified once and remembered once.
			name: "par_code_private_key_jwt_dpop", parts: []part{
				partPost, partVerify, partInsert, partInsert, // the push
				partGet, partRead, partInsert, // the code
				partPost, partVerify, partVerify, partInsert, partInsert, partRotate, partES256, partES256, partJSON, // the tokens
			}, least: 0.55, most: 0.70, prepare: withKey, do: strictCode,
		},
		{name: "client_credentials_dpop", parts: []part{partPost, partJSON, partVerify, partInsert, partES256}, least: 0.60, most: 0.70, prepare: withKey, do: boundClientCredentials},
		{name: "device_poll", parts: []part{partPost, partJSON, partRotate}, least: 0.60, most: 0.70, prepare: (*worker).deviceCode, do: pollDevice},
		{name: "token_exchange", parts: []part{partPost, partJSON, partVerify, partRead, partES256}, least: 0.65, prepare: (*worker).accessToken, do: exchangeToken},
		{name: "introspect_opaque", parts: []part{partPost, partJSON, partRead}, least: 0.70, prepare: (*worker).opaqueToken, do: introspect("opaque")},
		{name: nameLogin, parts: []part{partHash}, least: 0.95, do: func(w *worker) error { return w.signIn("es256", w.unique()) }},
	}
}

const nameLogin = "login"

// unique returns a text that this worker did not use before.
func (w *worker) unique() string {
	w.count++
	return strconv.Itoa(w.number) + "-" + strconv.Itoa(w.count)
}

// document fetches a prepared document, which must be what it was.
func (w *worker) document(path string, want []byte) error {
	if w.fixed == nil {
		w.fixed = w.site.get(path, "")
	}
	a, err := w.send(w.fixed)
	if err != nil {
		return err
	}
	if a.status != 200 || !bytes.Equal(a.body, want) {
		return wrong(path, a)
	}
	return nil
}

// clientCredentials asks for a token of the client's own, which must be another one each time.
func clientCredentials(clientID string) operation {
	return func(w *worker) error {
		if w.fixed == nil {
			w.fixed = w.site.post(nil, pathToken, basic(clientID), "grant_type=client_credentials&scope=api.read")
		}
		a, err := w.send(w.fixed)
		if err != nil {
			return err
		}
		token := member(a.body, "access_token")
		if a.status != 200 || member(a.body, "token_type") != "Bearer" || len(token) < 100 || token == w.last {
			return wrong("token", a)
		}
		w.last = token
		return nil
	}
}

// chain gets the first refresh token of a chain.
func chain(scope string) func(w *worker) error {
	return func(w *worker) error {
		t, err := w.authorize("es256", scope, w.unique(), "n")
		w.chain, w.scope = t.refresh, scope
		return err
	}
}

// refresh rotates the worker's refresh token. A broken chain begins anew.
func refresh(wantID bool) operation {
	return func(w *worker) error {
		if w.chain == "" {
			if err := chain(w.scope)(w); err != nil {
				return err
			}
		}
		old := w.chain
		w.chain = ""
		t, err := w.ask("es256", "grant_type=refresh_token&refresh_token="+url.QueryEscape(old), wantID, true)
		if err != nil {
			return err
		}
		if t.refresh == old {
			return errors.New("the refresh token was not rotated")
		}
		if wantID {
			if err := w.checkID(t.id, ""); err != nil { // OpenID Connect Core §12.2: without nonce
				return err
			}
		}
		w.chain = t.refresh
		return nil
	}
}

// accessToken gets a token of the worker's user.
func (w *worker) accessToken() error {
	t, err := w.authorize("es256", userScopes, w.unique(), "n")
	w.token = t.access
	return err
}

// introspect asks about the worker's token as the client that got it.
func introspect(clientID string) operation {
	return func(w *worker) error {
		if w.fixed == nil {
			w.fixed = w.site.post(nil, pathIntrospect, basic(clientID), "token="+w.token)
		}
		a, err := w.send(w.fixed)
		if err != nil {
			return err
		}
		if a.status != 200 || !bytes.Contains(a.body, []byte(`"active":true`)) || member(a.body, "sub") != w.user {
			return wrong("introspect", a)
		}
		return nil
	}
}

func userInfo(w *worker) error {
	if w.fixed == nil {
		w.fixed = w.site.get(pathUserInfo, "Authorization: Bearer "+w.token+"\r\n")
	}
	a, err := w.send(w.fixed)
	if err != nil {
		return err
	}
	if a.status != 200 || member(a.body, "sub") != w.user || member(a.body, "email") == "" {
		return wrong("userinfo", a)
	}
	return nil
}

// opaqueToken gets a token of the worker's user that says nothing by itself.
func (w *worker) opaqueToken() error {
	code, err := w.code("opaque", userScopes, w.unique(), "n")
	if err != nil {
		return err
	}
	w.request = w.site.post(w.request, pathToken, basic("opaque"), "grant_type=authorization_code&code="+code+"&redirect_uri="+url.QueryEscape(redirectURI))
	a, err := w.send(w.request)
	if err != nil {
		return err
	}
	if w.token = member(a.body, "access_token"); a.status != 200 || w.token == "" || bytes.Contains([]byte(w.token), []byte(".")) {
		return wrong("opaque token", a)
	}
	return w.checkID(member(a.body, "id_token"), "n")
}

// exchangeToken trades the token of the worker's user for one for another API (RFC 8693), another one each time.
func exchangeToken(w *worker) error {
	if w.fixed == nil {
		w.fixed = w.site.post(nil, pathToken, basic("es256"), "grant_type="+url.QueryEscape("urn:ietf:params:oauth:grant-type:token-exchange")+
			"&subject_token="+w.token+"&subject_token_type="+url.QueryEscape("urn:ietf:params:oauth:token-type:access_token"))
	}
	a, err := w.send(w.fixed)
	if err != nil {
		return err
	}
	token := member(a.body, "access_token")
	if a.status != 200 || member(a.body, "token_type") != "Bearer" || len(token) < 100 || token == w.last {
		return wrong("exchange", a)
	}
	w.last = token
	return nil
}

// deviceCode begins a device authorization that nobody answers.
func (w *worker) deviceCode() error {
	a, err := w.send(w.site.post(nil, pathDevice, "", "client_id=device&scope=openid"))
	if err != nil {
		return err
	}
	if w.token = member(a.body, "device_code"); a.status != 200 || w.token == "" {
		return wrong("device", a)
	}
	return nil
}

// pollDevice asks as a device does that is in a hurry: after the first poll, each is told to slow down, which costs the server what any poll does.
func pollDevice(w *worker) error {
	if w.fixed == nil {
		w.fixed = w.site.post(nil, pathToken, "", "client_id=device&grant_type="+url.QueryEscape("urn:ietf:params:oauth:grant-type:device_code")+"&device_code="+w.token)
	}
	a, err := w.send(w.fixed)
	if err != nil {
		return err
	}
	if why := member(a.body, "error"); a.status != 400 || why != "slow_down" && why != "authorization_pending" {
		return wrong("poll", a)
	}
	return nil
}

// codeFlow is an authorization request with a session, and the exchange of its code: two requests.
func codeFlow(clientID string) operation {
	return func(w *worker) error {
		unique := w.unique()
		_, err := w.authorize(clientID, userScopes, unique, unique)
		return err
	}
}
