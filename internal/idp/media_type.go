package idp

// ChallengeS256 is the one way in which a code is bound to a verifier: the plain one proves nothing (RFC 7636 §4.2, §7.2).
const ChallengeS256 = "S256"

// The media types that bodies come and go in.
const (
	MediaJSON       = "application/json"
	MediaForm       = "application/x-www-form-urlencoded"
	MediaJWT        = "application/jwt"
	MediaMergePatch = "application/merge-patch+json" // RFC 7396 §4
	MediaProblem    = "application/problem+json"     // RFC 9457 §3
)
