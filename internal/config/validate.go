package config

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"idp/internal/idp"
)

// Validate returns a Faults with all that is wrong, or nil. Load has called it already.
func (c *Config) Validate() error {
	var fs Faults
	c.validate(&fs)
	return fs.err()
}

func (c *Config) validate(fs *Faults) {
	fault := func(key, format string, args ...any) { fs.add(key, c.Origin(key), format, args...) }
	for _, f := range c.fields(nil) {
		validateTags(f, fault)
	}
	c.validateIssuer(fault)
	c.validateListen(fault)
	c.validateDatabase(fault)
	c.validatePassword(fault)
	c.validateOthers(fault)
	c.validateTLS(fault)
}

type report func(key, format string, args ...any)

// validateTags checks what the tags enum, min and max say.
func validateTags(f *field, fault report) {
	if enum := f.enum(); enum != nil && !slices.Contains(enum, f.value.String()) {
		fault(f.key, "%q is not one of the values it can have.%s Write %s.", f.value.String(), didYouMean(f.value.String(), enum), strings.Join(enum, ", "))
	}
	if low, ok := bound(f, "min"); ok && f.value.Int() < low {
		fault(f.key, "%s is too small. Write at least %s.", format(f.value.Interface()), f.tag.Get("min"))
	}
	if high, ok := bound(f, "max"); ok && f.value.Int() > high {
		fault(f.key, "%s is too large. Write at most %s.", format(f.value.Interface()), f.tag.Get("max"))
	}
}

// bound parses the tag min or max as a value of the field's own type.
func bound(f *field, tag string) (int64, bool) {
	text := f.tag.Get(tag)
	if text == "" {
		return 0, false
	}
	v := reflect.New(f.value.Type()).Elem()
	if err := decode(v, []string{text}); err != nil {
		return 0, false // TestTags_AreReadable fails then
	}
	return v.Int(), true
}

func (c *Config) validateIssuer(fault report) {
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Host == "" || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http") {
		fault("issuer", "%q is no web address. Write the public address of this server, such as https://id.example.com.", c.Issuer)
		return
	}
	// RFC 6749 §1.6, §3.1, §3.2: TLS at every endpoint.
	if u.Scheme == "http" && !isLoopback(u.Hostname()) && !c.Dev {
		fault("issuer", "%q is not https, so anybody on the way could read passwords and tokens. Write https://%s; plain http is for localhost.", c.Issuer, u.Host)
	}
	// RFC 8414 §2: an issuer has no query and no fragment. The rest would give one server two names, and iss is compared byte for byte.
	switch {
	case u.User != nil:
		fault("issuer", "contains a user name or password. Write it without what stands before the @.")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(c.Issuer, "#"):
		fault("issuer", "%q has a query or a fragment. Cut it off at the ? or #.", c.Issuer)
	case strings.HasSuffix(c.Issuer, "/"):
		fault("issuer", "%q ends in a slash, and applications compare it letter by letter. Write %s.", c.Issuer, strings.TrimRight(c.Issuer, "/"))
	case u.Host != strings.ToLower(u.Host):
		fault("issuer", "%q has capital letters in its host, and applications compare it letter by letter. Write %s.", c.Issuer, strings.Replace(c.Issuer, u.Host, strings.ToLower(u.Host), 1))
	case u.Path != "" && u.JoinPath().Path != u.Path:
		fault("issuer", "%q has a path that browsers would rewrite. Write it without //, . and ..", c.Issuer)
	}
	if c.SeedFile != "" && !testHost(u.Hostname()) {
		fault("seed_file", "puts known users into a server whose issuer is %s. Remove it, or use an issuer on localhost, *.test, *.localhost or *.example.", c.Issuer)
	}
}

// testHost reports whether a host can only be a test: RFC 6761 §6 reserves the names.
func testHost(host string) bool {
	return isLoopback(host) || strings.HasSuffix(host, ".test") || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".example")
}

func (c *Config) validateListen(fault report) {
	check := func(key, addr string) bool {
		_, port, err := net.SplitHostPort(addr)
		n, perr := strconv.Atoi(port)
		if err != nil || perr != nil || n < 0 || n > 65535 {
			fault(key, "%q is no address to listen on. Write host:port, or :port for all interfaces.", addr)
			return false
		}
		return true
	}
	if !check("listen", c.Listen) || c.OpsListen != "" && !check("ops_listen", c.OpsListen) {
		return
	}
	if _, port, _ := net.SplitHostPort(c.Listen); c.Listen == c.OpsListen && port != "0" {
		fault("ops_listen", "%q is the address of listen too. Give it another port, or write off.", c.OpsListen)
	}
	host, _, _ := net.SplitHostPort(c.Listen)
	addr, _ := netip.ParseAddr(host)
	switch local := host == "localhost" || addr.IsLoopback(); {
	case c.Dev && !local && !c.DevExposed:
		fault("listen", "%q lets other machines in, and --dev has a demo account with a known password. Listen on localhost, or add --dev-exposed if that is what you want.", c.Listen)
	case c.DevExposed && !c.Dev:
		fault("dev_exposed", "means nothing without --dev. Remove it.")
	}
}

func (c *Config) validateDatabase(fault report) {
	dsn := c.Database.URL.Reveal()
	u, err := url.Parse(dsn)
	switch { // the URL itself is never shown: it may hold a password
	case strings.HasPrefix(dsn, "sqlite:"):
		if strings.TrimPrefix(dsn, "sqlite:") == "" {
			fault("database.url", "names no file. Write sqlite: and a path, such as sqlite:/var/lib/idp/idp.db.")
		}
	case err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql":
		fault("database.url", "is neither PostgreSQL nor SQLite. Write postgres://user@host/name, with special characters in the password percent-encoded, or sqlite:path.")
	case c.KeyringFile == "":
		fault("keyring_file", "must be given with PostgreSQL, because every replica needs the same key ring. Make it once: (umask 077; echo \"k1:$(openssl rand -base64 32)\" > keyring); then set IDP_KEYRING_FILE to its path on every replica.")
	case !exists(c.KeyringFile):
		fault("keyring_file", "%q is not there. Put the key ring that the other replicas use at this path, readable by the server only.", c.KeyringFile)
	}
}

// owaspMemory is the least memory for one to five Argon2id iterations in OWASP's password storage cheat sheet.
func owaspMemory(iterations int) Size {
	table := []Size{46 << 20, 19 << 20, 12 << 20, 9 << 20, 7 << 20}
	return table[min(max(iterations, 1), len(table))-1]
}

func (c *Config) validatePassword(fault report) {
	p := &c.Password
	// With seed_file the users are known already, and validateIssuer has made sure of a host that can only be a test.
	if least := owaspMemory(p.Iterations); p.Algorithm == "argon2id" && p.Memory < least && !c.Dev && c.SeedFile == "" {
		fault("password.memory", "%s is too little for %d iterations: a stolen hash would be guessed too fast. Write at least %s, or more iterations.", p.Memory, p.Iterations, least)
	}
	if p.Memory > p.HashMemoryBudget {
		fault("password.hash_memory_budget", "%s does not hold one hash of %s. Write at least that.", p.HashMemoryBudget, p.Memory)
	}
	if u, err := url.Parse(p.BreachedURL); p.Breached != "off" && p.BreachedFile == "" && (err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname()))) {
		fault("password.breached_url", "%q is no https address. Write the address of a range service.", p.BreachedURL)
	}
}

func (c *Config) validateOthers(fault report) {
	if c.Session.Idle > c.Session.Max {
		fault("session.idle", "%s is longer than session.max (%s), so it would never matter. Write at most that, or raise session.max.", formatDuration(c.Session.Idle), formatDuration(c.Session.Max))
	}
	if c.Keys.PublishBefore >= c.Keys.RotateEvery {
		fault("keys.publish_before", "%s is not shorter than keys.rotate_every (%s). Write less.", formatDuration(c.Keys.PublishBefore), formatDuration(c.Keys.RotateEvery))
	}
	if a := c.Brand.Accent; a != "" && !regexp.MustCompile(`^#[0-9a-fA-F]{6}$`).MatchString(a) {
		fault("brand.accent", "%q is no colour. Write # and six hexadecimal digits, such as #0b5fff.", a)
	}
	if c.Brand.Name == "" || len(c.Brand.Name) > 100 {
		fault("brand.name", "must be 1 to 100 letters. Write the name that people know the service by.")
	}
	if ext := strings.ToLower(filepath.Ext(c.Brand.Logo)); c.Brand.Logo != "" && !slices.Contains([]string{".svg", ".png", ".webp"}, ext) {
		fault("brand.logo", "%q is no .svg, .png or .webp file. Convert the image.", c.Brand.Logo)
	}
	for _, entry := range c.Outbound.Allow {
		if _, err := netip.ParsePrefix(entry); err != nil && strings.ContainsAny(entry, "/@*?# \t") {
			fault("outbound.allow", "%q is no host and no network. Write a host such as keys.corp.example, or a network such as 10.20.0.0/16.", entry)
		}
	}
	c.validateContexts(fault)
	c.validateStrangers(fault)
	if b := &c.Bootstrap; b.AdminPassword != "" && b.AdminEmail == "" {
		fault("bootstrap.admin_email", "is missing, and bootstrap.admin_password is set. Write the administrator's address.")
	}
	if e := c.Bootstrap.AdminEmail; e != "" && !strings.Contains(strings.Trim(e, "@"), "@") {
		fault("bootstrap.admin_email", "%q is no address. Write one like ops@example.com.", e)
	}
}

// Contexts returns the authentication contexts of settings that were validated.
func (c *Config) Contexts() idp.AuthenticationContexts {
	var list idp.AuthenticationContexts
	for _, setting := range c.AuthenticationContexts {
		if one, err := idp.ParseAuthenticationContext(setting); err == nil {
			list = append(list, one)
		}
	}
	return list
}

func (c *Config) validateContexts(fault report) {
	const key = "authentication_contexts"
	if n := len(c.AuthenticationContexts); n > idp.MaxAuthenticationContexts {
		fault(key, "has %d contexts. Write at most %d.", n, idp.MaxAuthenticationContexts)
	}
	var seen []string
	for _, setting := range c.AuthenticationContexts {
		one, err := idp.ParseAuthenticationContext(setting)
		switch {
		case err != nil:
			fault(key, "has %q: %v.", setting, err) // which says how to mend it
		case slices.Contains(seen, one.ACR):
			fault(key, "has %s twice. Keep one: what a context asks for must be one thing.", one.ACR)
		}
		seen = append(seen, one.ACR)
	}
}

// validateStrangers checks what applications may be that no operator registered.
func (c *Config) validateStrangers(fault report) {
	for key, scopes := range map[string][]string{"client_registration.scopes": c.ClientRegistration.Scopes, "client_documents.scopes": c.ClientDocuments.Scopes} {
		for _, scope := range scopes {
			if !idp.ValidScope(scope) || scope == idp.ScopeAdmin {
				fault(key, "%q is no scope, or one that no application gets by naming itself. Remove it.", scope)
			}
		}
	}
	trusted := func(key string, settings []string) (names []string) {
		for _, setting := range settings {
			name, keys, found := strings.Cut(setting, "=")
			if !found || name == "" || keys == "" || strings.ContainsAny(name, " \t") {
				fault(key, "%q is no issuer with its keys. Write ISSUER=https://…/jwks.json, or ISSUER= and the name of a file that holds a JWK Set.", setting)
			}
			names = append(names, name)
		}
		return names
	}
	trusted("client_registration.statement_issuers", c.ClientRegistration.StatementIssuers)
	issuers := trusted("assertions.issuers", c.Assertions.Issuers)
	for i, name := range issuers {
		if name == c.Issuer || slices.Contains(issuers[:i], name) {
			fault("assertions.issuers", "%q is this server itself, or is named twice. Remove it.", name)
		}
	}
	for _, name := range c.Assertions.UserIDIssuers {
		if !slices.Contains(issuers, name) {
			fault("assertions.user_id_issuers", "%q is not among assertions.issuers. Name it there, with its keys.", name)
		}
	}
	if c.ClientRegistration.StatementRequired && len(c.ClientRegistration.StatementIssuers) == 0 {
		fault("client_registration.statement_required", "asks for software statements, and nobody is trusted to make them. Name somebody in client_registration.statement_issuers.")
	}
	for _, host := range c.ClientDocuments.Hosts {
		if host == "" || strings.ContainsAny(host, "/:@*?# \t") || host != strings.ToLower(host) {
			fault("client_documents.hosts", "%q is no host in lower case. Write one such as vscode.dev, or .tools.example for all below it.", host)
		}
	}
}

func (c *Config) validateTLS(fault report) {
	ends := c.TLS.CertFile != "" && c.TLS.KeyFile != ""
	switch {
	case (c.TLS.CertFile == "") != (c.TLS.KeyFile == ""):
		fault("tls.cert_file", "and tls.key_file belong together, and one of them is missing. Give both, or none if a proxy ends TLS.")
	case ends && strings.HasPrefix(c.Issuer, "http:"):
		fault("issuer", "%q is not https, and the server ends TLS itself (tls.cert_file). Write https.", c.Issuer)
	}
	switch c.MTLS.Certificates {
	case "tls":
		if !ends {
			fault("mtls.certificates", "is \"tls\", and this server ends no TLS. Give tls.cert_file and tls.key_file, or write header if a proxy ends it.")
		}
	case "header":
		if len(c.TrustedProxies) == 0 {
			fault("mtls.certificates", "is \"header\", and nobody's headers are believed. Name the proxy in trusted_proxies.")
		}
	case "off":
		if c.MTLS.URL != "" {
			fault("mtls.url", "is set, and no certificate arrives. Set mtls.certificates, or remove it.")
		}
	}
	if !regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`).MatchString(c.MTLS.Header) {
		fault("mtls.header", "%q is no name of a header. Write Client-Cert, or the name that your proxy uses.", c.MTLS.Header)
	}
	if c.MTLS.URL == "" {
		return
	}
	// The paths are the issuer's: an alias differs from its endpoint in the host alone.
	if u, err := url.Parse(c.MTLS.URL); err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.Host != strings.ToLower(u.Host) {
		fault("mtls.url", "%q is no https address of a host alone. Write it without a path, such as https://mtls.id.example.com.", c.MTLS.URL)
	}
}
