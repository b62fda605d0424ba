package requestobject

import (
	"encoding/base64"
	"testing"
	"time"

	"idp/internal/clientkeys"
	"idp/internal/idp"
)

// RFC 9101 §10.1, OpenID Connect Core §6.1, §15.2: who may leave a request object unsigned, and where.
func TestOpen_UnsignedOnlyWhereTheClientSaysSo(t *testing.T) {
	t.Parallel()
	r := New(Config{Issuer: "https://idp.example", ClientKeys: clientkeys.New(clientkeys.Config{})})
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"client_id":"app","response_type":"code"}`)) + "."
	at := []string{"https://app.example/request"}
	for name, c := range map[string]struct {
		client idp.Client
		from   Source
		want   bool
	}{
		"registered with none":          {idp.Client{ClientRequests: idp.ClientRequests{RequestObjectSigningAlg: "none"}}, InRequest, true},
		"at its address":                {idp.Client{ClientRequests: idp.ClientRequests{RequestURIs: at}}, AtAddress, true},
		"by value":                      {idp.Client{ClientRequests: idp.ClientRequests{RequestURIs: at}}, InRequest, false},
		"registered with an algorithm":  {idp.Client{ClientRequests: idp.ClientRequests{RequestURIs: at, RequestObjectSigningAlg: "ES256"}}, AtAddress, false},
		"registered to sign":            {idp.Client{ClientRequests: idp.ClientRequests{RequestURIs: at, RequireSignedRequestObject: true}}, AtAddress, false},
		"held to a profile of the bank": {idp.Client{ClientRequests: idp.ClientRequests{RequestURIs: at}, ClientProfile: idp.ClientProfile{Profile: idp.ProfileFAPI2}}, AtAddress, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.client.ID = "app"
			o, err := r.Open(t.Context(), &c.client, text, c.from, time.Now())
			if (err == nil) != c.want || err == nil && (o.Signed || o.Params.Get("response_type") != "code") {
				t.Errorf("got %+v, %v, want it taken: %v", o, err, c.want)
			}
		})
	}
}
