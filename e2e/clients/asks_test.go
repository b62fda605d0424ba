package clients

import "testing"

// openid-client, unmodified, where there is no browser: it polls by itself.

func TestOpenIDClient_SignsADeviceIn(t *testing.T) { // RFC 8628
	t.Parallel()
	p := flowOf(t, "asks.mjs", "device", "television", "openid email offline_access")
	allowDevice(t, p, p.hear())
}

func TestOpenIDClient_DeviceHearsANo(t *testing.T) { // RFC 8628 §3.5
	t.Parallel()
	p := flowOf(t, "asks.mjs", "device", "television", "openid")
	visitor(t).open(p.hear().text("verification_uri_complete")).submit("submit-code").login(someone(t)).submit("deny")
	if got := p.end().text("error"); got != "access_denied" {
		t.Errorf("after a no: %q, want access_denied\n%s", got, p.log)
	}
}

func TestOpenIDClient_AsksByCIBA(t *testing.T) { // CIBA §7, §10.1, §11: poll
	t.Parallel()
	askedByCIBA(t, "asks.mjs", func(*program) bool { return true })
}

func TestOpenIDClient_ExchangesAToken(t *testing.T) { // RFC 8693
	t.Parallel()
	traded(t, "asks.mjs")
}
