package idp

import "time"

// ClockSkew is how far the clock of whoever signed something may be ahead of ours: nbf and iat of client assertions, request objects, CIBA requests,
// assertions about people, software statements, and the ID tokens of upstream providers. FAPI 2.0 Security Profile §5.3.2.1 takes ten seconds, and no
// more than sixty. What has expired has expired: exp has no such allowance.
//
// Two bounds are not this one. The iat of a DPoP proof lies within a window on either side of our clock, because a proof has no exp (package dpop).
// And ReplicaSkew is about our own clocks.
const ClockSkew = 30 * time.Second

// ReplicaSkew is how far the clocks of replicas may be apart: none forgets what may be used once while another would still take it. A key that is
// withdrawn has a wider margin, which costs nothing there (package keys).
const ReplicaSkew = time.Minute
