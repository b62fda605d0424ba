package interaction

import (
	"slices"

	"idp/internal/idp"
)

// What a request says about the way of signing in: demands, which the sign-in meets or the request fails (OpenID Connect Core §5.5.1.1), and
// wishes, for which the person is asked once, and which nobody is kept out for (§3.1.2.1).

// NeedsWays reports whether the decision depends on the ways by which the person could sign in: where what is asked for is not there yet.
func (f Facts) NeedsWays() bool {
	asked := f.RequiredACR
	if len(asked) == 0 {
		asked = f.ACRValues
	}
	if f.Session == nil {
		return len(f.RequiredACR) > 0
	}
	return len(asked) > 0 && !overlap(f.met(), asked)
}

// met lists the contexts that the session satisfies.
func (f Facts) met() []string { return f.Contexts.Met(f.Session.AMR, f.Session.Contexts) }

// unmetACR reports whether the sign-in is none of those that the request demands.
func (f Facts) unmetACR() bool {
	return len(f.RequiredACR) > 0 && !overlap(f.met(), f.RequiredACR)
}

// reachable reports whether some way of this server may lead to one of the contexts; mine counts a way.
func (f Facts) reachable(contexts []string, mine func(*idp.Way) bool) bool {
	for i := range f.Ways {
		if mine(&f.Ways[i]) && f.Ways[i].Reaches(f.Contexts, contexts) {
			return true
		}
	}
	return false
}

// hopeless reports whether a demand is one that nobody's sign-in here can meet. A session that meets it proves the contrary.
func (f Facts) hopeless() bool {
	return len(f.RequiredACR) > 0 && (f.Session == nil || f.unmetACR()) && !f.reachable(f.RequiredACR, func(*idp.Way) bool { return true })
}

// wished returns the contexts that are worth another sign-in: those that were wished for, are more than what is there, and can be reached by the
// person in a way that they have. There are none where no page may be shown, nor after one sign-in for them: nobody is asked again.
func (f Facts) wished() []string {
	if len(f.RequiredACR) > 0 || len(f.ACRValues) == 0 || slices.Contains(f.Prompts, PromptNone) || f.loggedIn() && len(f.Steps.Contexts) > 0 {
		return nil
	}
	met := f.met()
	if overlap(met, f.ACRValues) {
		return nil
	}
	var out []string
	for _, acr := range f.ACRValues {
		if f.Contexts.Beyond(acr, met) && f.reachable([]string{acr}, func(w *idp.Way) bool { return w.Theirs }) {
			out = append(out, acr)
		}
	}
	return out
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(v string) bool { return slices.Contains(b, v) })
}
