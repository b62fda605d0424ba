package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestTags_AreReadable(t *testing.T) {
	t.Parallel()
	for _, f := range Default().fields(nil) {
		if f.group {
			continue
		}
		for _, tag := range []string{"min", "max", "default"} {
			text, ok := f.tag.Lookup(tag)
			if !ok {
				continue
			}
			if err := decode(reflect.New(f.value.Type()).Elem(), []string{text}); err != nil {
				t.Errorf("%s of %s: %v", tag, f.key, err)
			}
		}
	}
	if err := Default().Validate(); err == nil {
		t.Error("a configuration without an issuer: got no fault")
	}
}

func TestValidate_RefusesWhatWouldBreakOrWeaken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keyring, seed := filepath.Join(dir, "keyring"), filepath.Join(dir, "seed.yaml")
	for _, path := range []string{keyring, seed} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name string
		set  string // key=value, parted by spaces
		want string // empty = fine
	}{
		{"https", "issuer=https://id.example.com", ""},
		{"path", "issuer=https://id.example.com/auth/x", ""},
		{"port", "issuer=https://id.example.com:8443", ""},
		{"IPv6 loopback", "issuer=http://[::1]:8080", ""},
		{"http elsewhere", "issuer=http://id.example.com", "is not https"},
		{"http on a loopback look-alike", "issuer=http://localhost.evil.com", "is not https"},
		{"http elsewhere in dev", "issuer=http://id.test:8080 listen=localhost:8080 dev=true", ""},
		{"trailing slash", "issuer=https://id.example.com/", "Write https://id.example.com."},
		{"query", "issuer=https://id.example.com?x=1", "query or a fragment"},
		{"bare question mark", "issuer=https://id.example.com?", "query or a fragment"},
		{"fragment", "issuer=https://id.example.com#", "query or a fragment"},
		{"userinfo", "issuer=https://u:hunter2@id.example.com", "user name or password"},
		{"capitals", "issuer=https://ID.example.com", "Write https://id.example.com."},
		{"dots in the path", "issuer=https://id.example.com/a/../b", "browsers would rewrite"},
		{"no host", "issuer=https:///x", "is no web address"},
		{"other scheme", "issuer=ftp://id.example.com", "is no web address"},
		{"dev on all interfaces", "dev=true listen=:8080", "add --dev-exposed"},
		{"dev exposed on purpose", "dev=true dev_exposed=true listen=:8080", ""},
		{"dev on IPv6 loopback", "dev=true listen=[::1]:8080", ""},
		{"dev exposed without dev", "dev_exposed=true", "means nothing without --dev"},
		{"same port twice", "listen=localhost:8080 ops_listen=localhost:8080", "is the address of listen too"},
		{"ops off", "ops_listen=off", ""},
		{"PostgreSQL without a key ring", "database.url=postgres://idp@db/idp", "keyring_file (default): must be given with PostgreSQL"},
		{"PostgreSQL with a key ring", "database.url=postgres://idp@db/idp keyring_file=" + keyring, ""},
		{"PostgreSQL with a missing key ring", "database.url=postgres://idp@db/idp keyring_file=/nowhere", `"/nowhere" is not there`},
		{"MySQL", "database.url=mysql://db/idp", "neither PostgreSQL nor SQLite"},
		{"SQLite without a file", "database.url=sqlite:", "names no file"},
		{"everybody is a proxy", "trusted_proxies=0.0.0.0/0", "every client could forge its address"}, // FL-13
		{"a URL is no host", "outbound.allow=https://keys.example", "Write a host such as"},
		{"host bits", "trusted_proxies=10.0.0.1/8", "Write 10.0.0.0/8"},
		{"weak hash", "password.memory=8MiB", "Write at least 19MiB"}, // FB-1
		{"weak hash in dev", "password.memory=8MiB dev=true", ""},
		{"weak hash in a test", "password.memory=64KiB issuer=https://id.example.test seed_file=" + keyring, ""},
		{"weak hash and a public issuer", "password.memory=64KiB issuer=https://id.example.com seed_file=" + keyring, "puts known users into a server"},
		{"more iterations", "password.memory=8MiB password.iterations=5", ""},
		{"hash larger than the budget", "password.memory=200MiB password.hash_memory_budget=128MiB", "does not hold one hash"},
		{"idle over max", "session.idle=10d", "longer than session.max"},
		{"remember over what browsers keep", "session.remember=401d", "Write at most 400d"},
		{"short passwords", "password.min_length=4", "Write at least 8"},
		{"seed on a public server", "seed_file=" + seed + " issuer=https://id.example.com", "puts known users into a server"}, // FL-21
		{"seed on localhost", "seed_file=" + seed, ""},
		{"seed on a test host", "seed_file=" + seed + " issuer=https://id.test", ""},
		{"registration by invitation", "registration=invite", "Write closed, open"},
		{"accent", "brand.accent=red", "is no colour"},
		{"password without address", "bootstrap.admin_email=ops", "is no address"},
		{"publish longer than rotate", "keys.rotate_every=2h keys.publish_before=3h", "not shorter than keys.rotate_every"},
		{"breached over http", "password.breached=strict password.breached_url=http://example.com/", "no https address"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, "", nil, strings.Fields(tc.set)...)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("got %v, want no fault", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("got %v, want a fault with %q", err, tc.want)
			case tc.want != "" && strings.Contains(err.Error(), "2 faults"):
				t.Errorf("got %v, want one fault only", err)
			case err != nil && strings.Contains(err.Error(), "hunter2"):
				t.Errorf("the fault shows the password: %v", err)
			}
		})
	}
}

func TestDuration_AndSizeAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"30d": 720 * time.Hour, "1d12h": 36 * time.Hour, "90s": 90 * time.Second, "0": 0, "1.5h": 90 * time.Minute} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "10", "-1h", "d", "1w", "1d-2h", "99999999999d", "1h1d", "106751d24000000h"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q: got %v, want a fault", text, got)
		}
	}
	for text, want := range map[string]Size{"64KiB": 64 << 10, "19 MiB": 19 << 20, "1GiB": 1 << 30, "5B": 5} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "64", "64KB", "-1KiB", "9999999999GiB", "KiB"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q: got %v, want a fault", text, got)
		}
	}
}

func TestFlags_AreNamedWithTheirKeyAndUse(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for _, f := range Flags() {
		if f.Usage == "" || f.Key == "" {
			t.Errorf("flag %s: got %+v, want a key and a usage", f.Name, f)
		}
		seen[f.Name] = f.Key
	}
	if seen["database-url"] != "database.url" || seen["dev"] != "dev" {
		t.Errorf("flags: got %v", seen)
	}
}
