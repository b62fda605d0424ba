package handlers

import (
	"encoding/base64"
	"net/http/httptest"
	"strings"
	"testing"

	"idp/internal/idp"
)

func TestClientCertificates_AreReadFromHeaderAndChain(t *testing.T) { // RFC 9440 §2
	t.Parallel()
	sequence := func(s string) string { return ":" + base64.StdEncoding.EncodeToString([]byte(s)) + ":" }
	from := ClientCertificates{Header: "Client-Cert"}
	for name, tc := range map[string]struct {
		leaf, chain []string
		direct      bool
		want        string // leaf and chain
	}{
		"leaf alone":        {[]string{sequence("leaf")}, nil, false, "leaf"},
		"with a chain":      {[]string{sequence("leaf")}, []string{sequence("a") + ", " + sequence("b"), sequence("c")}, false, "leaf a b c"},
		"a chain alone":     {nil, []string{sequence("a")}, false, ""},
		"from the client":   {[]string{sequence("leaf")}, []string{sequence("a")}, true, ""},
		"two leaves":        {[]string{sequence("leaf"), sequence("leaf")}, nil, false, ""},
		"too long":          {[]string{sequence(strings.Repeat("x", maxCertificate))}, nil, false, ""},
		"a chain too long":  {[]string{sequence("leaf")}, []string{sequence(strings.Repeat("x", maxCertificate))}, false, "leaf"},
		"a chain of twenty": {[]string{sequence("leaf")}, []string{strings.Repeat(sequence("a")+",", 20)}, false, "leaf" + strings.Repeat(" a", maxChain)},
		"no sequence":       {[]string{"bGVhZg=="}, nil, false, ""},
		"half a sequence":   {[]string{":bGVhZg=="}, nil, false, ""},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Client-Cert"], r.Header["Client-Cert-Chain"] = tc.leaf, tc.chain
		var peer idp.Peer
		from.read(r, &peer, tc.direct)
		got := string(peer.Certificate)
		for _, c := range peer.Intermediate {
			got += " " + string(c)
		}
		if got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
		if len(r.Header["Client-Cert"])+len(r.Header["Client-Cert-Chain"]) > 0 {
			t.Errorf("%s: the headers go on", name)
		}
	}
}

func FuzzCertificates(f *testing.F) {
	f.Fuzz(func(t *testing.T, value string) {
		for _, der := range certificates(value) {
			if len(der) > len(value) {
				t.Errorf("%q: more bytes came out than went in", value)
			}
		}
	})
}
