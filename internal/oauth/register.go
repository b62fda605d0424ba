package oauth

import (
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"time"

	"idp/internal/idp"
	"idp/internal/logctx"
	"idp/internal/registration"
)

// Register registers an application (RFC 7591 §3).
func (p *Provider) Register(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		methodNotAllowed(w, http.MethodPost)
		return
	}
	body, err := readRegistration(w, r)
	if err != nil {
		p.refuseRegistration(w, r, err)
		return
	}
	token, sent := bearerOnly(r)
	if len(r.Header.Values("Authorization")) > 0 && !sent {
		p.refuseRegistration(w, r, &idp.Error{Kind: idp.Unauthenticated, Code: idp.CodeInvalidToken, Message: "The Authorization header is not of the form \"Bearer …\"."})
		return
	}
	made, err := p.Registration.Register(r.Context(), body, token)
	if err != nil {
		p.refuseRegistration(w, r, err)
		return
	}
	logctx.Set(r.Context(), slog.String("client_id", made.Client.ID))
	writeJSON(w, http.StatusCreated, made.Members(p.registrationURI(made.Client.ID)))
}

// ManageRegistration reads, replaces and deletes an application's registration, for who holds its registration access token (RFC 7592 §2).
func (p *Provider) ManageRegistration(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("client_id")
	token, _ := bearerOnly(r)
	var made *registration.Registered
	var err error
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		made, err = p.Registration.Read(r.Context(), id, token)
	case http.MethodPut:
		var body []byte
		if body, err = readRegistration(w, r); err == nil {
			made, err = p.Registration.Replace(r.Context(), id, token, body)
		}
	case http.MethodDelete:
		if err = p.Registration.Delete(r.Context(), id, token); err == nil {
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(http.StatusNoContent)
			return
		}
	default:
		methodNotAllowed(w, http.MethodGet, http.MethodPut, http.MethodDelete)
		return
	}
	if err != nil {
		p.refuseRegistration(w, r, err)
		return
	}
	logctx.Set(r.Context(), slog.String("client_id", made.Client.ID))
	writeJSON(w, http.StatusOK, made.Members(p.registrationURI(made.Client.ID)))
}

// bearerOnly returns the token of the Authorization header: those of registrations are bearer tokens (RFC 7591 §3, RFC 7592 §2).
func bearerOnly(r *http.Request) (string, bool) {
	token, ok := tokenHeader(r)
	return token.text, ok && !token.dpop
}

func (p *Provider) registrationURI(id string) string {
	return p.Issuer + pathRegister + "/" + url.PathEscape(id)
}

// readRegistration reads a bounded JSON body (RFC 7591 §3.1).
func readRegistration(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	fault := func(status int, description string) error {
		return &Error{Status: status, Code: idp.CodeInvalidClientMetadata, Description: description}
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != idp.MediaJSON {
		return nil, fault(http.StatusBadRequest, "The Content-Type must be application/json.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMost))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, fault(http.StatusRequestEntityTooLarge, "The body is larger than 64 KiB.")
	}
	if err != nil {
		return nil, fault(http.StatusBadRequest, "The body could not be read.")
	}
	return body, nil
}

// refuseRegistration answers an error (RFC 7591 §3.2.2, RFC 7592 §2, RFC 6750 §3).
func (p *Provider) refuseRegistration(w http.ResponseWriter, r *http.Request, err error) {
	known := new(idp.Error)
	if !errors.As(err, &known) {
		p.answerError(w, r, err, "")
		return
	}
	wire := &Error{Code: known.Code, Description: known.Message, RetryAfter: known.RetryAfter, Err: err}
	switch known.Kind {
	case idp.Invalid:
		wire.Status = http.StatusBadRequest
	case idp.Unauthenticated:
		wire.Status = http.StatusUnauthorized
		challenge := "Bearer " + p.realm
		if r.Header.Get("Authorization") != "" {
			challenge += `, error="` + known.Code + `", error_description="` + ascii(known.Message) + `"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
	case idp.Throttled:
		wire.Status, wire.RetryAfter = http.StatusTooManyRequests, max(wire.RetryAfter, time.Second)
	default:
		p.answerError(w, r, err, "")
		return
	}
	p.answerError(w, r, wire, "")
}
