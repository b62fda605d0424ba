package conformance

import (
	"slices"
	"strings"
)

// The plans of OpenID Connect Core: Basic, Implicit, Hybrid, Form Post and Config.

func corePlans() []playedPlan {
	list := []playedPlan{{"oidcc-config", []entry{{variant{}, []string{"oidcc-discovery-endpoint-verification"}}}}}
	for _, formPost := range []bool{false, true} {
		prefix := "oidcc-"
		if formPost {
			prefix = "oidcc-formpost-"
		}
		basic, implicit, hybrid := playedPlan{file: prefix + "basic"}, playedPlan{file: prefix + "implicit"}, playedPlan{file: prefix + "hybrid"}
		for _, dynamic := range []bool{false, true} {
			as := func(responseType string) variant {
				return variant{responseType: responseType, auth: "client_secret_basic", formPost: formPost, dynamic: dynamic, signedIn: dynamic}
			}
			basic.entries = append(basic.entries, codeEntries(as("code"), "oidcc-response-type-missing", "oidcc-idtoken-unsigned", "oidcc-ensure-request-without-nonce-succeeds-for-code-flow",
				"oidcc-ensure-other-scope-order-succeeds", "oidcc-ensure-post-request-succeeds", "oidcc-ensure-request-with-valid-pkce-succeeds")...)
			hybrid.entries = append(hybrid.entries, codeEntries(as("code id_token"), "oidcc-response-type-missing", "oidcc-ensure-request-without-nonce-fails",
				"oidcc-ensure-other-scope-order-succeeds", "oidcc-ensure-request-with-valid-pkce-succeeds")...)
			hybrid.entries = append(hybrid.entries, codeEntries(as("code token"), "oidcc-ensure-request-without-nonce-succeeds-for-code-flow")...)
			hybrid.entries = append(hybrid.entries, codeEntries(as("code id_token token"), "oidcc-ensure-request-without-nonce-fails")...)
			inFront := append(everywhere(dynamic), "oidcc-ensure-request-without-nonce-fails", "oidcc-ensure-other-scope-order-succeeds")
			implicit.entries = append(implicit.entries,
				entry{as("id_token"), inFront},
				entry{as("id_token token"), append(slices.Clone(inFront), "oidcc-userinfo-get", "oidcc-userinfo-post-header", "oidcc-userinfo-post-body", "oidcc-response-type-missing")})
		}
		list = append(list, basic, implicit, hybrid)
	}
	return list
}

// everywhere are the modules that every response type is played with.
func everywhere(dynamic bool) []string {
	list := strings.Fields(`oidcc-server oidcc-scope-profile oidcc-scope-email oidcc-scope-address oidcc-scope-phone oidcc-scope-all oidcc-display-page oidcc-display-popup
		oidcc-prompt-login oidcc-prompt-none-not-logged-in oidcc-prompt-none-logged-in oidcc-max-age-1 oidcc-max-age-10000 oidcc-ensure-request-with-unknown-parameter-succeeds
		oidcc-id-token-hint oidcc-login-hint oidcc-ui-locales oidcc-claims-locales oidcc-ensure-request-with-acr-values-succeeds oidcc-ensure-registered-redirect-uri
		oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported oidcc-claims-essential oidcc-ensure-request-object-with-redirect-uri`)
	if dynamic { // what the suite leaves out for a client whose registration it did not make
		list = append(list, "oidcc-idtoken-signature", "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported")
	}
	return list
}

// codeEntries are the entries of a response type with a code: the modules of all, those of the code, and more.
func codeEntries(as variant, more ...string) []entry {
	if !as.dynamic {
		more = slices.DeleteFunc(more, func(id string) bool { return id == "oidcc-idtoken-unsigned" })
	}
	list := append(everywhere(as.dynamic), "oidcc-userinfo-get", "oidcc-userinfo-post-header", "oidcc-userinfo-post-body", "oidcc-codereuse", "oidcc-codereuse-30seconds", "oidcc-refresh-token")
	post := as
	post.auth = "client_secret_post"
	return []entry{{as, append(list, more...)}, {post, []string{"oidcc-server-client-secret-post"}}}
}

func coreModules() []module {
	const noNone = "SKIPPED: none is not in request_object_signing_alg_values_supported"
	return []module{
		{id: "oidcc-discovery-endpoint-verification", shows: "the discovery document and the keys", play: playDiscovery},
		{id: "oidcc-server", shows: "a sign-in; the ID tokens and hashes, how hard a code is to guess, and nothing in an ID token that was not asked for", play: playServer},
		{id: "oidcc-server-client-secret-post", shows: "the same with client_secret_post", play: playServerPost},
		{id: "oidcc-response-type-missing", shows: "a request without response_type comes back with an error", play: playResponseTypeMissing},
		{id: "oidcc-idtoken-signature", shows: "RS256 where no algorithm was registered, and a kid", play: playIDTokenSignature},
		{id: "oidcc-idtoken-unsigned", shows: "ID tokens without a signature", verdict: "SKIPPED: none is not in id_token_signing_alg_values_supported", play: playIDTokenUnsigned},
		{id: "oidcc-userinfo-get", shows: "UserInfo by GET", play: playUserInfo("GET", true)},
		{id: "oidcc-userinfo-post-header", shows: "UserInfo by POST, the token in the header", play: playUserInfo("POST", true)},
		{id: "oidcc-userinfo-post-body", shows: "UserInfo by POST, the token in the body", play: playUserInfo("POST", false)},
		{id: "oidcc-ensure-request-without-nonce-succeeds-for-code-flow", shows: "no nonce is needed where no ID token comes through the browser", play: playWith("nonce", "")},
		{id: "oidcc-ensure-request-without-nonce-fails", shows: "a nonce is needed where an ID token comes through the browser", play: playWithoutNonceFails},
		{id: "oidcc-scope-profile", shows: "scope profile gives all its claims", play: playScope("openid profile")},
		{id: "oidcc-scope-email", shows: "scope email gives its claims, and no name", play: playScope("openid email")},
		{id: "oidcc-scope-address", shows: "scope address gives the address", play: playScope("openid address")},
		{id: "oidcc-scope-phone", shows: "scope phone gives the number", play: playScope("openid phone")},
		{id: "oidcc-scope-all", shows: "all scopes give all claims", play: playScope("openid address email phone profile")},
		{id: "oidcc-ensure-other-scope-order-succeeds", shows: "the order of scopes does not matter", play: playScope("email openid")},
		{id: "oidcc-display-page", shows: "display=page is no error", play: playWith("display", "page")},
		{id: "oidcc-display-popup", shows: "display=popup is no error", play: playWith("display", "popup")},
		{id: "oidcc-prompt-login", shows: "prompt=login asks again, and auth_time is later", verdict: "REVIEW: the second sign-in page", cold: true, play: playPromptLogin},
		{id: "oidcc-prompt-none-not-logged-in", shows: "prompt=none without a session: login_required, and a long state comes back whole", cold: true, play: playPromptNoneNotLoggedIn},
		{id: "oidcc-prompt-none-logged-in", shows: "prompt=none with a session asks nothing, and it is the same sign-in", play: playPromptNoneLoggedIn},
		{id: "oidcc-max-age-1", shows: "max_age=1 asks again after two seconds; auth_time is there, later and recent", verdict: "REVIEW: the second sign-in page", cold: true, play: playMaxAge1},
		{id: "oidcc-max-age-10000", shows: "max_age=10000 does not ask again, and auth_time stays", play: playMaxAge10000},
		{id: "oidcc-ensure-request-with-unknown-parameter-succeeds", shows: "unknown parameters are left alone", play: playWith("extra", "foobar")},
		{id: "oidcc-id-token-hint", shows: "id_token_hint with prompt=none is about the same person", play: playIDTokenHint},
		{id: "oidcc-login-hint", shows: "login_hint is no error", cold: true, play: playLoginHint},
		{id: "oidcc-ui-locales", shows: "ui_locales is no error", cold: true, play: playWith("ui_locales", "se")},
		{id: "oidcc-claims-locales", shows: "claims_locales is no error", cold: true, play: playWith("claims_locales", "se")},
		{id: "oidcc-ensure-request-with-acr-values-succeeds", shows: "acr_values: the ID token has one of them as acr", play: playACRValues},
		{id: "oidcc-codereuse", shows: "a code is good once", play: playCodeReuse(0)},
		{id: "oidcc-codereuse-30seconds", shows: "a code is good once, after half a minute too; a second use ends the token of the first", play: playCodeReuse(30)},
		{id: "oidcc-ensure-registered-redirect-uri", shows: "a redirect URI that is not registered leads nowhere", verdict: "REVIEW: the error page about the redirect URI", play: playRegisteredRedirectURI},
		{id: "oidcc-ensure-post-request-succeeds", shows: "a request to the authorization endpoint by POST", play: playPost},
		{id: "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported", shows: "a request object without a signature, by its address", verdict: noNone, play: playUnsignedRequest},
		{id: "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported", shows: "a request object without a signature", verdict: noNone, play: playUnsignedRequest},
		{id: "oidcc-ensure-request-object-with-redirect-uri", shows: "the redirect URI of the request object counts", verdict: noNone, play: playUnsignedRequest},
		{id: "oidcc-claims-essential", shows: "the claims parameter: name where it was asked for, and nowhere else", play: playClaimsEssential},
		{id: "oidcc-refresh-token", shows: "refreshing, with the same claims in the new ID token; another client's refresh token is refused", play: playRefreshToken},
		{id: "oidcc-ensure-request-with-valid-pkce-succeeds", shows: "PKCE with S256", play: playPKCE},
	}
}
