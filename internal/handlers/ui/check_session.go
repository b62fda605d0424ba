package ui

import (
	"bytes"
	"html/template"
	"log/slog"
	"net/http"
	"strconv"
)

// policyCheckSession lets any page frame this one, which shows nothing and has nothing to press: it is of no use to clickjackers.
const policyCheckSession = "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'"

// CheckSession answers with the page that applications keep in a frame (Session Management 1.0 §3.2). It is the one page that may be framed.
func (u *UI) CheckSession(w http.ResponseWriter, _ *http.Request) {
	var body bytes.Buffer
	s, err := u.current()
	if err == nil {
		err = s.checkSession.Execute(&body, u.prefix+s.assets.plain["check_session.js"].hashed)
	}
	if err != nil {
		u.config.Log.Error("page not rendered", slog.String("page", "check_session"), slog.Any("error", err))
		http.Error(w, "This page could not be shown.", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Del("X-Frame-Options")
	header.Set("Content-Security-Policy", policyCheckSession)
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "public, max-age=300")
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	_, _ = w.Write(body.Bytes()) // a browser that went away is no fault of ours
}

// parseCheckSession reads the template, which no theme replaces: there is nothing to see.
func parseCheckSession() (*template.Template, error) {
	return template.ParseFS(embedded, "templates/bare/check_session.html")
}
