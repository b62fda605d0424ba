package outbound

import (
	"compress/gzip"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// open returns a client that may call the test's own servers.
func open(t *testing.T, server *httptest.Server, allow ...string) *Client {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{Allow: allow, CAFile: file})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	return server
}

func TestGet_AddressesInsideAreRefusedUnlessTheyAreNamed(t *testing.T) { // SSRF
	t.Parallel()
	var calls atomic.Int32
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { calls.Add(1); _, _ = w.Write([]byte("{}")) })
	named := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	for _, c := range []struct {
		allow   []string
		address string
		ok      bool
	}{
		{nil, server.URL, false},
		{[]string{"10.0.0.0/8", "other.example"}, server.URL, false},
		{[]string{"127.0.0.0/8"}, server.URL, true},
		{[]string{"127.0.0.1"}, server.URL, true},
		{nil, named, false},
		{[]string{"LOCALHOST"}, strings.Replace(named, "localhost", "Localhost", 1), true}, // httptest's certificate is for example.com and 127.0.0.1
	} {
		before := calls.Load()
		_, err := open(t, server, c.allow...).Get(t.Context(), c.address, 100)
		if reached := !errors.Is(err, ErrRefused); reached != c.ok {
			t.Errorf("%v, %s: got %v, want reached %v", c.allow, c.address, err, c.ok)
		}
		if !c.ok && calls.Load() != before {
			t.Errorf("%v, %s: it was called", c.allow, c.address)
		}
	}
}

func TestGet_ErrorsDoNotSayWhatANameMeansInside(t *testing.T) { // the caller may tell them to whoever named the host
	t.Parallel()
	server := serve(t, func(http.ResponseWriter, *http.Request) {})
	address := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	_, refused := open(t, server).Get(t.Context(), address, 100)
	server.Close()
	_, closed := open(t, server, "localhost").Get(t.Context(), address, 100)
	_, unknown := open(t, server).Get(t.Context(), "https://nowhere.invalid/", 100)
	for _, err := range []error{refused, closed, unknown} {
		if text := fmt.Sprint(err); err == nil || strings.Contains(text, "127.0.0.1") || strings.Contains(text, "[::1]") || strings.Contains(text, ":53") {
			t.Errorf("got %v, want it told without an address", err)
		}
	}
	if !errors.Is(refused, ErrRefused) || errors.Is(closed, ErrRefused) {
		t.Errorf("got %v and %v, want the first one refused", refused, closed)
	}
}

func TestGet_ErrorsDoNotNameTheResolver(t *testing.T) { // FD-18: what a lookup says on a machine without a network
	t.Parallel()
	dial := &net.OpError{Op: "dial", Net: "udp", Addr: &net.UDPAddr{IP: net.IPv4(10, 255, 255, 53), Port: 53}, Err: errors.New("connect: network is unreachable")}
	lookup := &net.DNSError{UnwrapErr: dial, Err: dial.Error(), Name: "nowhere.invalid", Server: "10.255.255.53:53", IsTemporary: true}
	told := withoutAddress(&url.Error{Op: "Get", URL: "https://nowhere.invalid/", Err: &net.OpError{Op: "dial", Net: "tcp", Err: lookup}})
	if text := told.Error(); strings.Contains(text, "10.255") || !strings.Contains(text, "the resolver did not answer") {
		t.Errorf("got %q, want it told without an address", text)
	}
	var kept *net.DNSError
	if !errors.As(told, &kept) || !kept.IsTemporary || errors.Is(told, dial) {
		t.Errorf("got %#v, want its kind and nothing of the call", told)
	}
}

func TestPublic_SpecialAddressesAreNot(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "2606:4700::1111": true, "64:ff9b::808:808": true, "2002:808:808::1": true,
		"10.1.2.3": false, "127.0.0.1": false, "169.254.169.254": false, "172.31.0.1": false, "192.168.1.1": false, "100.64.0.1": false,
		"0.0.0.0": false, "224.0.0.1": false, "255.255.255.255": false, "198.18.0.1": false, "192.0.0.1": false,
		"::": false, "::1": false, "fe80::1": false, "fd00::1": false, "fec0::1": false, "ff02::1": false, "::ffff:10.0.0.1": false,
		"64:ff9b::a00:1": false, "64:ff9b:1::1": false, "2002:a00:1::1": false, "2002:7f00:1::": false, "2001:db8::1": false, "2001::1": false, "fd00:ec2::254": false,
	} {
		if got := public(netip.MustParseAddr(text).Unmap()); got != want {
			t.Errorf("%s: got public %v, want %v", text, got, want)
		}
	}
}

func TestControl_ANamedHostOpensNoMetadataService(t *testing.T) {
	t.Parallel()
	a, err := parseAllowed([]string{"keys.corp.example", "10.20.0.0/16"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		host, address string
		ok            bool
	}{
		{"keys.corp.example", "10.1.1.1:443", true},
		{"keys.corp.example", "169.254.169.254:443", false},
		{"keys.corp.example", "[fe80::1%eth0]:443", false},
		{"keys.corp.example", "0.0.0.0:443", false},
		{"evil.example", "10.1.1.1:443", false},
		{"evil.example", "10.20.1.1:443", true},
		{"evil.example", "[::ffff:10.20.1.1]:443", true},
		{"evil.example", "[::ffff:127.0.0.1]:443", false},
		{"evil.example", "nonsense", false},
	} {
		if err := a.control(c.host)("tcp", c.address, nil); (err == nil) != c.ok {
			t.Errorf("%s at %s: got %v, want ok %v", c.host, c.address, err, c.ok)
		}
	}
}

func TestGet_OnlyWebAddresses(t *testing.T) {
	t.Parallel()
	c, err := New(Config{Allow: []string{"127.0.0.0/8", "10.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{
		"", "keys.example", "/keys", "http://keys.example/", "http://10.0.0.1/", "file:///etc/passwd", "gopher://keys.example/", "https://u:p@keys.example/",
		"https:keys.example", "https://", "https://:443/", "https://keys.example/" + strings.Repeat("a", maxAddress), "https://keys.example/\x00", "://",
	} {
		if _, err := c.Get(t.Context(), address, 1); !errors.Is(err, ErrRefused) {
			t.Errorf("%.60q: got %v, want it refused", address, err)
		}
	}
	for _, address := range []string{"https://keys.example/", "http://127.0.0.1:8080/", "http://localhost/", "http://app.localhost:1/"} {
		if err := c.Check(address); err != nil {
			t.Errorf("%s: got %v, want it allowed", address, err)
		}
	}
	for _, entry := range []string{"", "https://keys.example", "*.example", "10.0.0.0/33", "a b"} {
		if _, err := New(Config{Allow: []string{entry}}); err == nil || !strings.Contains(err.Error(), "outbound.allow") {
			t.Errorf("allow %q: got %v, want it refused by name", entry, err)
		}
	}
	if _, err := New(Config{CAFile: filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("a CA file that is not there: got a client")
	}
}

func TestGet_BoundsSize(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/gzip" {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(make([]byte, 10<<20))
			_ = z.Close()
			return
		}
		for range 100 { // no Content-Length
			_, _ = w.Write(make([]byte, 1000))
			w.(http.Flusher).Flush()
		}
	})
	c := open(t, server, "127.0.0.1")
	for _, path := range []string{"/", "/gzip"} {
		if _, err := c.Get(t.Context(), server.URL+path, 99_999); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: got %v, want too large", path, err)
		}
	}
	if a, err := c.Get(t.Context(), server.URL, 100_000); err != nil || len(a.Body) != 100_000 {
		t.Errorf("as large as allowed: got %v", err)
	}
}

func TestGet_FollowsAFewRedirectsOnOneHost(t *testing.T) {
	t.Parallel()
	var stolen atomic.Int32
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { stolen.Add(1) })
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/once":
			http.Redirect(w, r, "/end", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/away":
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		case "/plain":
			http.Redirect(w, r, "http://"+r.Host+"/end", http.StatusFound)
		default:
			_, _ = w.Write([]byte("end"))
		}
	})
	c := open(t, server, "127.0.0.1")
	if a, err := c.Get(t.Context(), server.URL+"/once", 100); err != nil || string(a.Body) != "end" {
		t.Errorf("one redirect: got %+v, %v", a, err)
	}
	for _, path := range []string{"/loop", "/away", "/plain"} {
		if _, err := c.Get(t.Context(), server.URL+path, 100); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: got %v, want it refused", path, err)
		}
	}
	if a, err := c.GetHere(t.Context(), server.URL+"/once", 100); err != nil || a.Status != http.StatusFound {
		t.Errorf("without redirects: got %+v, %v", a, err)
	}
	if a, err := c.Post(t.Context(), server.URL+"/away", "text/plain", []byte("x"), nil); err != nil || a.Status != http.StatusTemporaryRedirect || stolen.Load() != 0 {
		t.Errorf("a redirected post: got %+v, %v, and %d posts elsewhere", a, err, stolen.Load())
	}
}

func TestPost_SendsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 10)
		n, _ := r.Body.Read(body)
		_, _ = w.Write([]byte(r.Method + " " + r.Header.Get("Content-Type") + " " + r.Header.Get("Authorization") + " " + string(body[:n])))
	})
	header := http.Header{"Authorization": {"Bearer x"}}
	a, err := open(t, server, "127.0.0.1").Post(t.Context(), server.URL, "application/json", []byte("{}"), header)
	if err != nil || string(a.Body) != "POST application/json Bearer x {}" || len(header) != 1 {
		t.Errorf("got %+v, %v", a, err)
	}
}

func TestGet_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	server := serve(t, func(http.ResponseWriter, *http.Request) { <-hang })
	defer close(hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := open(t, server, "127.0.0.1").Get(ctx, server.URL, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want it given up", err)
	}
}
