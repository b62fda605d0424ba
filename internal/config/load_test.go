package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// load reads a file text, variables and flags ("key=value") in a folder of the test's own.
func load(t *testing.T, yaml string, env []string, flags ...string) (*Config, error) {
	t.Helper()
	opts := LoadOptions{SearchPaths: []string{}, Env: env}
	if yaml != "" {
		opts.File = filepath.Join(t.TempDir(), "idp.yaml")
		if err := os.WriteFile(opts.File, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range flags {
		key, value, _ := strings.Cut(f, "=")
		opts.Flags = append(opts.Flags, FlagValue{Name: "--set", Key: key, Value: value})
	}
	return Load(opts)
}

func mustLoad(t *testing.T, yaml string, env []string, flags ...string) *Config {
	t.Helper()
	c, err := load(t, yaml, env, flags...)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return c
}

func TestLoad_NothingIsADevelopmentServerOnThisMachine(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, "", nil)
	got := []any{c.Issuer, c.Listen, c.OpsListen, c.DataDir, c.Database.URL.Reveal(), c.KeyringFile, c.CreateKeyring(), c.ShutdownDelay}
	want := []any{"http://localhost:8080", "localhost:8080", "localhost:8081", "idp-data", "sqlite:idp-data/idp.db", "idp-data/keyring", true, time.Duration(0)}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("defaults: got %v, want %v", got, want)
	}
	if c.Session.Max != 7*24*time.Hour || c.Password.Memory != 19<<20 || c.Limits.Body != 64<<10 || !c.Metrics || c.Registration != "closed" {
		t.Errorf("defaults of groups: got %+v", c.Values())
	}
}

func TestLoad_EachSourceIsOverTheOneBefore(t *testing.T) {
	t.Parallel()
	yaml := "log:\n  level: warn\n"
	for _, tc := range []struct {
		yaml  string
		env   []string
		flags []string
		want  string
		from  string
	}{
		{want: "info", from: "default"},
		{yaml: yaml, want: "warn", from: "idp.yaml:2"},
		{yaml: yaml, env: []string{"IDP_LOG_LEVEL=error"}, want: "error", from: "environment variable IDP_LOG_LEVEL"},
		{yaml: yaml, env: []string{"IDP_LOG__LEVEL=error"}, want: "error", from: "environment variable IDP_LOG__LEVEL"},
		{yaml: yaml, env: []string{"IDP_LOG_LEVEL=error"}, flags: []string{"log.level=debug"}, want: "debug", from: "flag --set"},
		{yaml: yaml, env: []string{"IDP_LOG_LEVEL="}, want: "warn", from: "idp.yaml:2"},
	} {
		c := mustLoad(t, tc.yaml, tc.env, tc.flags...)
		if got := c.Log.Level; got != tc.want {
			t.Errorf("%+v: level: got %q, want %q", tc, got, tc.want)
		}
		if got := c.Origin("log.level"); !strings.HasSuffix(got, tc.from) {
			t.Errorf("%+v: origin: got %q, want …%q", tc, got, tc.from)
		}
	}
}

func TestLoad_ListenFollowsTheIssuerAndTheIssuerFollowsListen(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		env            []string
		issuer, listen string
	}{
		{[]string{"IDP_ISSUER=https://id.example.com"}, "https://id.example.com", ":8080"},
		{[]string{"IDP_ISSUER=http://localhost:9000/x"}, "http://localhost:9000/x", "localhost:9000"},
		{[]string{"IDP_ISSUER=https://localhost:9443"}, "https://localhost:9443", "localhost:8080"},
		{[]string{"IDP_LISTEN=localhost:7000"}, "http://localhost:7000", "localhost:7000"},
		{[]string{"PORT=5000"}, "http://localhost:5000", ":5000"},
		{[]string{"PORT=5000", "IDP_LISTEN=localhost:6000"}, "http://localhost:6000", "localhost:6000"},
	} {
		c := mustLoad(t, "", tc.env)
		if c.Issuer != tc.issuer || c.Listen != tc.listen {
			t.Errorf("%v: got %q, %q, want %q, %q", tc.env, c.Issuer, c.Listen, tc.issuer, tc.listen)
		}
	}
	c := mustLoad(t, "", []string{"IDP_LISTEN=localhost:0"})
	if got, want := c.IssuerAt(&net.TCPAddr{Port: 4711}), "http://localhost:4711"; got != want {
		t.Errorf("issuer at a port of the system's choice: got %q, want %q", got, want)
	}
}

// place matches the path of the test's own file in a message.
var place = regexp.MustCompile(`/[^ ]*_EveryFault[^ ]*/idp\.yaml`)

func TestLoad_EveryFaultIsNamedWithItsPlaceAndMend(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		yaml  string
		env   []string
		flags []string
		want  []string // each in one line of the error
	}{
		{name: "unknown key", yaml: "issuer: https://a.example\nsesion:\n  idle: 1h\n", want: []string{`sesion (idp.yaml:2): is no setting. Did you mean session?`}},
		{name: "unknown member", yaml: "session:\n  idel: 1h\n", want: []string{`session.idel (idp.yaml:2): is no setting. Did you mean session.idle?`}},
		{name: "unknown variable", env: []string{"IDP_ISUER=https://a.example"}, want: []string{"IDP_ISUER (environment variable IDP_ISUER): is no setting. Did you mean IDP_ISSUER?"}},
		{name: "unknown flag", flags: []string{"isser=x"}, want: []string{"isser (flag --set): is no setting. Did you mean issuer?"}},
		{name: "all at once", yaml: "session: {idle: 10}\nlog:\n  level: loud\n", env: []string{"IDP_LISTEN=nowhere", "IDP_METRICS=perhaps"}, want: []string{
			"configuration has 4 faults", `session.idle (idp.yaml:1): "10" is no duration. Write a number and its unit`,
			`log.level (idp.yaml:3): "loud" is not one of`, `listen (environment variable IDP_LISTEN): "nowhere" is no address`, `metrics (environment variable IDP_METRICS): "perhaps" is neither`,
		}},
		{name: "twice in the file", yaml: "issuer: https://a.example\nissuer: https://b.example\n", want: []string{"issuer (idp.yaml:2): is set twice, here and by ", "idp.yaml:1. Keep one."}},
		{name: "twice in the environment", env: []string{"IDP_DATABASE_URL=sqlite:a", "IDP_DATABASE__URL=sqlite:b"}, want: []string{"database.url (environment variable IDP_DATABASE__URL): is set twice"}},
		{name: "group as value", yaml: "session: 1h\n", want: []string{"session (idp.yaml:1): is a group"}},
		{name: "value as group", yaml: "issuer: {a: b}\n", want: []string{"issuer (idp.yaml:1): takes a value"}},
		{name: "list for one value", yaml: "issuer: [a, b]\n", want: []string{"issuer (idp.yaml:1): takes one value"}},
		{name: "no YAML", yaml: "a: [\n", want: []string{"config (", "is not YAML: line 1"}},
		{name: "several documents", yaml: "issuer: https://a.example\n---\nissuer: https://b.example\n", want: []string{"more than one document"}},
		{name: "top level list", yaml: "- issuer\n", want: []string{"is a group of settings"}},
		{name: "no such file", env: []string{"IDP_CONFIG=/nowhere/idp.yaml"}, want: []string{"config (environment variable IDP_CONFIG): cannot read the configuration file /nowhere/idp.yaml: no such file"}},
		{name: "dev in the file", yaml: "dev: true\n", want: []string{"dev (idp.yaml:1): can only be given as the flag --dev"}},
		{name: "dev in the environment", env: []string{"IDP_DEV=true"}, want: []string{"dev (environment variable IDP_DEV): can only be given as the flag --dev"}},
		{name: "secret as flag", flags: []string{"bootstrap.admin_password=hunter2"}, want: []string{"is a secret, and command lines are visible"}},
		{name: "database password as flag", flags: []string{"database.url=postgres://u:hunter2@h/d"}, want: []string{"Set IDP_DATABASE_URL_FILE to"}},
		{name: "missing theme", yaml: "brand: {theme_dir: /nowhere}\n", want: []string{`brand.theme_dir (idp.yaml:1): cannot use "/nowhere": no such file`}},
		{name: "bad port", env: []string{"PORT=http"}, want: []string{`listen (environment variable PORT): ":http" is no address`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tc.yaml, tc.env, tc.flags...)
			var faults Faults
			if !errors.As(err, &faults) {
				t.Fatalf("got %v, want Faults", err)
			}
			got := place.ReplaceAllString(err.Error(), "idp.yaml")
			for _, want := range tc.want {
				if !strings.Contains(got, want) {
					t.Errorf("got\n%s\nwant in it: %s", got, want)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the fault shows the secret: %v", err)
			}
		})
	}
}

func TestLoad_ServiceVariablesOfKubernetesAreNoSettings(t *testing.T) {
	t.Parallel()
	mustLoad(t, "", []string{
		"IDP_SERVICE_HOST=10.1.1.1", "IDP_SERVICE_PORT=8080", "IDP_SERVICE_PORT_HTTP=8080", "IDP_PORT=tcp://10.1.1.1:8080", "IDP_PORT_8080_TCP=tcp://10.1.1.1:8080",
		"IDP_PORT_8080_TCP_ADDR=10.1.1.1", "IDP_POSTGRES_SERVICE_HOST=10.1.1.2", "IDP_POSTGRES_PORT_5432_TCP_PROTO=tcp", "IDP_URL=http://x", "IDP_TOKEN=x", "IDP_TEST_POSTGRES=1",
	})
	for key, f := range new(Config).settings() {
		if foreignVariable(f.env) || f.short != "" && foreignVariable(f.short) {
			t.Errorf("the variable of %s is taken for one of Kubernetes", key)
		}
	}
}

func TestLoad_SecretsComeFromFilesAndCredentials(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain, credentials := write("plain", "from-file\n"), t.TempDir()
	if err := os.WriteFile(filepath.Join(credentials, "bootstrap_admin_password"), []byte("from-systemd\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	base := []string{"IDP_BOOTSTRAP__ADMIN_EMAIL=ops@example.com"}
	for _, tc := range []struct {
		name, yaml, want, fault string
		env                     []string
	}{
		{name: "file key", yaml: "bootstrap: {admin_password_file: " + plain + "}", want: "from-file"},
		{name: "variable", env: []string{"IDP_BOOTSTRAP__ADMIN_PASSWORD_FILE=" + plain}, want: "from-file"},
		{name: "credential", env: []string{"CREDENTIALS_DIRECTORY=" + credentials}, want: "from-systemd"},
		{name: "credential over file", yaml: "bootstrap: {admin_password: x}", env: []string{"CREDENTIALS_DIRECTORY=" + credentials}, want: "from-systemd"},
		{name: "both in the environment", env: []string{"IDP_BOOTSTRAP__ADMIN_PASSWORD=x", "IDP_BOOTSTRAP__ADMIN_PASSWORD_FILE=" + plain}, fault: "is set twice"},
		{name: "both in the file", yaml: "bootstrap: {admin_password: x, admin_password_file: " + plain + "}", fault: "is set twice"},
		{name: "missing", env: []string{"IDP_BOOTSTRAP__ADMIN_PASSWORD_FILE=/nowhere"}, fault: "cannot read the secret's file"},
		{name: "empty", env: []string{"IDP_BOOTSTRAP__ADMIN_PASSWORD_FILE=" + write("empty", "\n")}, fault: "is empty"},
		{name: "huge", env: []string{"IDP_BOOTSTRAP__ADMIN_PASSWORD_FILE=" + write("huge", strings.Repeat("x", maxSecretFile+1))}, fault: "larger than 64 KiB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, err := load(t, tc.yaml, append(tc.env, base...))
			switch {
			case tc.fault == "" && err != nil, tc.fault != "" && (err == nil || !strings.Contains(err.Error(), tc.fault)):
				t.Errorf("got error %v, want %q", err, tc.fault)
			case err == nil && c.Bootstrap.AdminPassword.Reveal() != tc.want:
				t.Errorf("got %q, want %q", c.Bootstrap.AdminPassword.Reveal(), tc.want)
			}
		})
	}
}

func TestSecret_NoFormatterShowsIt(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, "", []string{"IDP_BOOTSTRAP__ADMIN_EMAIL=ops@example.com", "IDP_BOOTSTRAP__ADMIN_PASSWORD=hunter2"})
	c.Database.URL = "postgres://idp:hunter2@db/idp?sslmode=require"
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c.Bootstrap, "secret", c.Bootstrap.AdminPassword)
	j, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	values, err := json.Marshal(c.Values())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"%v": fmt.Sprintf("%v", c.Bootstrap), "%+v": fmt.Sprintf("%+v", *c), "%#v": fmt.Sprintf("%#v", *c), "slog": log.String(), "json": string(j),
		"Print": c.Print(), "Values": string(values),
	} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("%s shows the secret: %s", name, text)
		}
	}
	if want := "postgres://idp:xxxxx@db/idp?sslmode=require"; !strings.Contains(c.Print(), want) {
		t.Errorf("Print: got\n%s\nwant in it %s", c.Print(), want)
	}
}

// What Print writes is a configuration again: nothing is lost or misspelt.
func TestPrint_CanBeLoaded(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, "issuer: https://id.example.com\ntrusted_proxies: [10.0.0.0/8, '::1']\nops_listen: off\nbrand: {name: 'true: #1'}\noutbound: {allow: [keys.example, 10.0.0.0/8]}\n", nil)
	if want := []string{"keys.example", "10.0.0.0/8"}; !slices.Equal(c.Outbound.Allow, want) {
		t.Errorf("outbound.allow: got %v, want %v", c.Outbound.Allow, want)
	}
	again := mustLoad(t, c.Print(), nil)
	c.origins, again.origins, c.file, again.file = nil, nil, "", ""
	if !reflect.DeepEqual(again, c) {
		t.Errorf("got %+v, want %+v", again, c)
	}
	if want := netip.MustParsePrefix("::1/128"); c.TrustedProxies[1] != want {
		t.Errorf("second proxy: got %s, want %s", c.TrustedProxies[1], want)
	}
}

func FuzzLoad_AnyFileIsAnsweredWithoutPanic(f *testing.F) {
	for _, s := range []string{"issuer: x", "a: &a [*a]", "session: {idle: 9999999999999d}", "<<: {a: b}", "? [a]\n: b", "---\n", "\x00", "trusted_proxies: [1.2.3.4/33]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		path := filepath.Join(t.TempDir(), "idp.yaml")
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := Load(LoadOptions{File: path}); (c == nil) == (err == nil) {
			t.Errorf("got %v and %v, want exactly one", c, err)
		}
	})
}
