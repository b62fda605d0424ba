package handlers

import (
	"net/http"

	"idp/internal/handlers/pages"
	"idp/internal/oauth"
)

// FromOAuth returns the protocol's endpoints as routes.
func FromOAuth(p *oauth.Provider) []Route {
	var routes []Route
	for _, r := range p.Routes() {
		routes = append(routes, Route{Pattern: r.Pattern, Handler: r.Handler, CORS: r.CORS, Public: r.Public, Methods: r.Methods, Prepared: r.Prepared})
	}
	return routes
}

// FailPage returns how the protocol shows an error page (oauth.Config.Fail): pages know no protocol, and the protocol no pages.
func FailPage(p *pages.Pages) func(w http.ResponseWriter, r *http.Request, e oauth.PageError) {
	return func(w http.ResponseWriter, r *http.Request, e oauth.PageError) {
		p.Error(w, r, pages.Failure{
			Status: e.Status, Code: e.Code, Description: e.Description, TraceID: e.TraceID, RedirectURI: e.RedirectURI, ClientID: e.ClientID,
			About:     e.About,
			LoopCount: e.LoopCount, LoopWindow: e.LoopWindow,
		})
	}
}

// SignedOutPage returns how the protocol shows the page after a session (oauth.Config.SignedOut).
func SignedOutPage(p *pages.Pages) func(w http.ResponseWriter, r *http.Request, s oauth.SignedOut) {
	return func(w http.ResponseWriter, r *http.Request, s oauth.SignedOut) {
		p.SignedOut(w, r, pages.SignedOut{Client: s.Client, Return: s.Return, UILocales: s.UILocales, Clients: s.Clients})
	}
}

// PostPage returns how the protocol has an answer posted to the application (oauth.Config.Post).
func PostPage(p *pages.Pages) func(w http.ResponseWriter, r *http.Request, a oauth.PostedAnswer) {
	return func(w http.ResponseWriter, r *http.Request, a oauth.PostedAnswer) {
		p.Post(w, r, a.Client, a.RedirectURI, a.Params, a.UILocales)
	}
}
