package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"idp/internal/idp"
)

// metadata is the part of a discovery document that we go by.
type metadata struct {
	endpoints
	issuer           string
	userInfoEndpoint string // may be empty
	jwksURI          string
	algorithms       []string // asymmetric ones only
	issInCallback    bool     // RFC 9207 §3
	document         object
}

// discoveryURL returns where an issuer's document is (OpenID Connect Discovery 1.0 §4).
func discoveryURL(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
}

// discover reads and checks the document of an issuer.
func discover(ctx context.Context, client *http.Client, issuer string) (*metadata, error) {
	doc, err := getJSON(ctx, client, discoveryURL(issuer), "")
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	m, faults := readMetadata(issuer, doc)
	if len(faults) > 0 {
		errs := make([]error, len(faults))
		for i, f := range faults {
			errs[i] = errors.New(f.Cause)
		}
		return nil, &documentError{fmt.Errorf("discovery: %w", errors.Join(errs...))}
	}
	return m, nil
}

// documentError is a discovery document or key set that was read and is wrong: waiting will not mend it.
type documentError struct{ err error }

// Error implements error.
func (e *documentError) Error() string { return e.err.Error() }

// Unwrap returns what is wrong.
func (e *documentError) Unwrap() error { return e.err }

// readMetadata takes a discovery document apart and returns every fault that keeps people from signing in.
func readMetadata(issuer string, doc object) (*metadata, []Finding) {
	m := &metadata{document: doc}
	var faults []Finding
	fault := func(check, cause, mend string) {
		faults = append(faults, Finding{Check: check, Level: LevelError, Cause: cause, Mend: mend})
	}

	var err error
	// Compared exactly (Discovery §4.3): a document that speaks for another issuer is the first step of a mix-up.
	if m.issuer, err = doc.text("issuer"); err != nil || m.issuer != issuer {
		fault("issuer", fmt.Sprintf("the discovery document of %s says that its issuer is %s", issuer, loggable(m.issuer)),
			"Set issuer to exactly what the document says, if that is the provider you mean; a slash at the end counts.")
	}
	for _, e := range []struct {
		name     string
		target   *string
		required bool
	}{
		{"authorization_endpoint", &m.authorization, true},
		{"token_endpoint", &m.token, true},
		{"jwks_uri", &m.jwksURI, true},
		{"userinfo_endpoint", &m.userInfoEndpoint, false},
	} {
		if *e.target, err = doc.text(e.name); err == nil && *e.target == "" && !e.required {
			continue
		}
		if err == nil {
			err = checkEndpoint(issuer, *e.target)
		}
		if err != nil {
			fault(e.name, fmt.Sprintf("%s in the discovery document is not usable: %s", e.name, err),
				"Ask the provider's operator to announce an absolute https address.")
		}
	}

	announced, err := doc.texts("id_token_signing_alg_values_supported")
	if err == nil && announced == nil {
		announced = []string{idp.AlgRS256} // the one that every provider must have (OpenID Connect Core §15.1)
	}
	for _, alg := range idp.SupportedSigningAlgs() {
		if slices.Contains(announced, alg) {
			m.algorithms = append(m.algorithms, alg)
		}
	}
	if len(m.algorithms) == 0 {
		fault("algorithms", "the provider announces no algorithm for ID tokens that we accept",
			"Let it sign ID tokens for this client with one of "+strings.Join(idp.SupportedSigningAlgs(), ", ")+".")
	}
	m.issInCallback = string(doc["authorization_response_iss_parameter_supported"]) == "true"
	return m, faults
}

// isLocal reports whether an issuer is a provider on this machine.
func isLocal(issuer string) bool {
	u, err := url.Parse(issuer)
	return err == nil && isLoopback(u.Hostname())
}

// checkEndpoint refuses what a discovery document has no business naming: plain http, and this machine or link-local addresses when the
// issuer itself is elsewhere (PS-26).
func checkEndpoint(issuer, endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case endpoint == "":
		return errors.New("it is missing")
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return fmt.Errorf("%s is no absolute address", loggable(endpoint))
	}
	local := isLocal(issuer)
	if u.Scheme != "https" && (u.Scheme != "http" || !local || !isLoopback(u.Hostname())) {
		return fmt.Errorf("%s is not https", loggable(endpoint))
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if !local && isLoopback(u.Hostname()) || err == nil && ip.Unmap().IsLinkLocalUnicast() {
		return fmt.Errorf("%s is an address inside this machine", loggable(endpoint))
	}
	return nil
}
