package oauth

import (
	"slices"
	"strings"

	"idp/internal/idp"
	"idp/internal/interaction"
)

// silentDescriptions are the sentences beside the errors that Decide may name.
var silentDescriptions = map[string]string{
	idp.CodeLoginRequired:                   "The user must sign in.",
	idp.CodeConsentRequired:                 "The user must be asked for consent.",
	idp.CodeInteractionRequired:             "The user must be asked something.",
	idp.CodeAccountSelectionRequired:        "The user must select an account.",
	idp.CodeUnmetAuthenticationRequirements: "The user cannot sign in in the way that the request demands.",
	idp.CodeAccessDenied:                    "The user denied the request.",
}

// refusedDescription is the sentence for the client, with the value of prompt that is at fault, where one is (Prompt Create §4.1).
func (a *authorizeRequest) refusedDescription(next interaction.Next) string {
	switch next.Reason {
	case interaction.ReasonPromptUnknown:
		return "The parameter prompt has the value " + a.unknownPrompt() + ", which is not supported."
	case interaction.ReasonPromptNoneWithOthers:
		return "The parameter prompt has none together with others."
	case interaction.ReasonMaxAgeNegative:
		return "The parameter max_age is negative."
	case interaction.ReasonPromptCreateWithHint:
		return "The parameter prompt has create, for a new account, and the request names a user who has one."
	}
	return silentDescriptions[next.Error]
}

// refusedCheck is the same for the operator.
func (a *authorizeRequest) refusedCheck(reason string) idp.Check {
	switch reason {
	case interaction.ReasonPromptUnknown:
		check := idp.Check{Name: "prompt is supported", Expected: strings.Join(interaction.Prompts(a.MayRegister), ", "), Received: a.unknownPrompt(), Clause: "OpenID Connect Core §3.1.2.1"}
		if check.Received == interaction.PromptCreate {
			check.Mend, check.Clause = "Set `registration: open` if people may create accounts for themselves, or take create out of the application's request.", "Prompt Create §4.1"
		}
		return check
	case interaction.ReasonPromptCreateWithHint:
		return idp.Check{
			Name: "prompt=create names nobody", Expected: "no id_token_hint, and no sub in the claims parameter", Received: "one of them",
			Mend: "Take it out of the application's request: a new account is never the one that it names.", Clause: "Prompt Create §4",
		}
	case interaction.ReasonUnassured: // a page once would change nothing
		return idp.Check{
			Name: "consent is remembered", Expected: "an application that nobody else can be, such as one with an https redirect URI", Received: "a client that any program on the person's machine could be",
			Mend: "Use an https redirect URI. While you develop, or if it is your own application: `idp client update " + a.Client.ID + " --trusted`.", Clause: "RFC 8252 §8.6",
		}
	}
	return idp.Check{Name: "no page is needed", Expected: "an answer without asking the person", Received: reason, Clause: "OpenID Connect Core §3.1.2.6"}
}

func (a *authorizeRequest) unknownPrompt() string {
	supported := interaction.Prompts(a.MayRegister)
	for _, p := range a.Prompts {
		if !slices.Contains(supported, p) {
			return printable(p)
		}
	}
	return ""
}
