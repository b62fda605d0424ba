package oauth

import (
	"net/http"
	"net/url"
	"time"

	"idp/internal/crossdevice"
	"idp/internal/idp"
	"idp/internal/trace"
)

// deviceAnswer is RFC 8628 §3.2.
type deviceAnswer struct {
	DeviceCode              string `json:"device_code"`
	UserCode                string `json:"user_code"`
	VerificationURI         string `json:"verification_uri"`
	VerificationURIComplete string `json:"verification_uri_complete"`
	ExpiresIn               int64  `json:"expires_in"`
	Interval                int64  `json:"interval"`
}

// DeviceAuthorization is the device authorization endpoint (RFC 8628 §3.1): a device that has no browser gets a code to poll with, and one
// to show. Clients authenticate as at the token endpoint.
func (p *Provider) DeviceAuthorization(w http.ResponseWriter, r *http.Request) {
	call, ok := p.clientCall(w, r, "device")
	if !ok {
		return
	}
	// RFC 8628 §3.1 is off unless the client is registered for it: whoever may start a device flow can ask anybody to allow it (RFC 10027 §2, §6.2.1).
	if err := call.mayUse(idp.GrantDeviceCode); err != nil {
		call.fail(err)
		return
	}
	scopes, err := call.scopes()
	if err != nil {
		call.fail(err)
		return
	}
	ask := crossdevice.Ask{Client: call.client, Scopes: scopes, TraceID: call.trace.ID}
	if err := call.askBeyondScopes(r.Context(), &ask); err != nil {
		call.fail(err)
		return
	}
	started, err := p.CrossDevice.StartDevice(r.Context(), ask, call.now)
	if err != nil {
		call.fail(err)
		return
	}
	call.trace.Pass("client, scope and resources")
	call.trace.End(trace.Waiting)
	page := p.Issuer + pathDevicePage
	// RFC 8628 §3.2: the answer, which nobody may keep.
	writeJSON(w, http.StatusOK, deviceAnswer{
		DeviceCode: started.DeviceCode, UserCode: started.UserCode, VerificationURI: page,
		VerificationURIComplete: page + "?user_code=" + url.QueryEscape(started.UserCode),
		ExpiresIn:               int64(started.ExpiresIn / time.Second), Interval: int64(started.Interval / time.Second),
	})
}
