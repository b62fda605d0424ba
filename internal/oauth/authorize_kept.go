package oauth

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"idp/internal/idp"
)

// keptParams are the parameters that somebody reads after a page, and how long one may be. Everything else of the request, which any
// stranger can make as long as a URL, is forgotten here (SEC-23). What is longer than its bound was refused before, or is a wish.
var keptParams = map[string]int{
	"client_id": 512, "redirect_uri": 2048, "response_type": 64, "response_mode": 64, "state": stateMost, "nonce": nonceMost,
	"code_challenge": 64, "code_challenge_method": 16, "dpop_jkt": 64, "id_token_hint": hintMost, "login_hint": 512, "ui_locales": 256, "acr_values": 512, "claims": 4096,
}

// kept returns what an interaction keeps of a request that was checked: nothing that changes its meaning is lost.
func (a *authorizeRequest) kept() url.Values {
	kept := url.Values{}
	for name, most := range keptParams {
		if v := a.Params.Get(name); v != "" && len(v) <= most {
			kept.Set(name, v)
		}
	}
	if a.Pushed != "" {
		kept.Set(markPushed, a.Pushed)
	}
	if a.Signed {
		kept.Set(markSigned, "1")
	}
	if a.MaxAge != nil {
		kept.Set("max_age", strconv.FormatInt(*a.MaxAge, 10))
	}
	if len(a.ClaimScopes) > 0 {
		kept.Set(idp.ParamClaimScopes, strings.Join(a.ClaimScopes, " "))
	}
	if len(a.Details) > 0 {
		kept.Set("authorization_details", string(a.Details))
	}
	if resources := a.Params["resource"]; len(resources) > 0 {
		kept["resource"] = resources
	}
	// Lists of words that may repeat themselves without end.
	if a.Params.Get("scope") != "" {
		kept.Set("scope", strings.Join(a.Scopes, " "))
	}
	if prompts := slices.Compact(slices.Sorted(slices.Values(a.Prompts))); len(prompts) > 0 {
		kept.Set("prompt", strings.Join(prompts, " "))
	}
	return kept
}
