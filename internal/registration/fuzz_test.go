package registration

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"idp/internal/clientkeys"
	"idp/internal/idp"
)

// FuzzClientDocument: whatever lies at a client's address, it is a client of that address without a secret, or a fault that names the mend.
func FuzzClientDocument(f *testing.F) {
	const id = "https://app.example/client.json"
	d := &Documents{DocumentsConfig: DocumentsConfig{
		Trust: TrustAll, Now: time.Now,
		Outside: func(context.Context, *idp.Client, *idp.Client) error { return nil },
		Scopes:  []string{"openid", "profile"},
	}}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := d.describe(t.Context(), id, body, nil)
		if err != nil {
			var known *idp.Error
			if !errors.As(err, &known) || known.Kind != idp.Invalid {
				t.Fatalf("%q: %v, want a fault of the document", body, err)
			}
			return
		}
		if len(body) > maxClientDocument || c.ID != id || c.ManagedBy != idp.ManagedByDocument || c.Trusted || len(c.Secrets) > 0 {
			t.Errorf("a document said what it may not: %+v", c)
		}
		for _, grant := range c.GrantTypes {
			if grant != idp.GrantAuthorizationCode && grant != idp.GrantRefreshToken {
				t.Errorf("a document gave itself the grant %s", grant)
			}
		}
		if err := c.Validate(); err != nil {
			t.Errorf("taken, and not valid: %v", err)
		}
	})
}

// FuzzStatement: nobody's software statement counts but that which its issuer signed, and nothing is signed here.
func FuzzStatement(f *testing.F) {
	keys := clientkeys.New(clientkeys.Config{})
	v := &Statements{
		Issuers: map[string]idp.ClientKeys{"https://store.example": {JWKS: json.RawMessage(`{"keys":[{"kty":"EC","crv":"P-256","kid":"1","alg":"ES256","use":"sig","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`)}},
		Verify: func(ctx context.Context, signer *idp.Client, compact string, algs []string) ([]byte, error) {
			payload, _, err := keys.Verify(ctx, signer, compact, algs)
			return payload, err
		},
	}
	f.Fuzz(func(t *testing.T, compact string) {
		if claims, err := v.read(t.Context(), compact, time.Now()); err == nil {
			t.Fatalf("%q: read %v, which nobody signed", compact, claims)
		}
	})
}

// FuzzFreshness: whatever the headers of an answer say, it counts for a minute at least and for a day at most.
func FuzzFreshness(f *testing.F) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, control, expires string) {
		fresh := freshness(http.Header{"Cache-Control": {control}, "Expires": {expires}}, at)
		if fresh < leastFresh || fresh > mostFresh {
			t.Errorf("Cache-Control %q, Expires %q: %s", control, expires, fresh)
		}
	})
}
