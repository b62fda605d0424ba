package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"idp/internal/idp"
)

// Conditional is what names the version that a change is for (RFC 9110 §13.1.1). It is exported, as all that is embedded in an input: the framework does not look
// into other embedded structs.
type Conditional struct {
	IfMatch string `header:"If-Match" maxLength:"256" doc:"The ETag of the version that is to be changed"`
}

// unless refuses a change to what was last changed at a time, if the request names another version.
func (in Conditional) unless(noun string, changed time.Time) error {
	// RFC 9110 §13.1.1: one of a list will do; a weak one is none.
	for tag := range strings.SplitSeq(in.IfMatch, ",") {
		if tag = strings.TrimSpace(tag); in.IfMatch == "" || tag == "*" || tag == etag(changed) {
			return nil
		}
	}
	return &idp.Error{Kind: idp.Conflict, Code: CodePrecondition, Field: "If-Match", Message: "The " + noun + " was changed since it was read. Read it again, and repeat the change."}
}

// etag is the version of something that was last changed at a time (RFC 9110 §8.8.3).
func etag(changed time.Time) string {
	return `"` + strconv.FormatInt(changed.UnixMicro(), 36) + `"`
}

// checkConditions refuses conditions that an operation does not look at: whoever sets them relies on them.
func (s *server) checkConditions(r *http.Request, pattern string) *Problem {
	for _, name := range []string{"If-Match", "If-Unmodified-Since"} {
		if r.Header.Get(name) != "" && !(name == "If-Match" && s.conditional[pattern]) {
			p := problem(http.StatusBadRequest, "condition_unsupported", "This operation does not look at "+name+", so what it guards against could happen. Leave the header out, or use PATCH, which takes If-Match.")
			p.Field = name
			return p
		}
	}
	return nil
}
