package server

import (
	_ "embed"
	"fmt"
)

//go:embed seed.yaml
var seedText string

// Password is the password of every user in seed.yaml.
const Password = "correct horse battery staple 42"

// CrowdSize is the number of interchangeable users in seed.yaml.
const CrowdSize = 150

// User is a person in seed.yaml.
type User struct{ Username, Email, Password string }

// Person returns the user of that name.
func Person(name string) User { return User{name, name + "@example.test", Password} }

// Crowd returns the nth of the interchangeable users, from 1 to CrowdSize.
func Crowd(n int) User { return Person(fmt.Sprintf("u%03d", n)) }

// Client is a client in seed.yaml, as its application knows itself.
type Client struct {
	ID       string
	Secret   string // empty: a public client
	Redirect string
	Logout   string // a registered post-logout redirect URI
}

// Web is the usual client: Basic and post, consent asked once. The comments of seed.yaml say what each client is for.
func Web() Client {
	return Client{"web", "3w8AeOiy9M-geb-qMffhfognNS2cdlEwx-TDwZbewAM", "https://rp.example/cb", "https://rp.example/out"}
}

// Other is a second confidential client.
func Other() Client {
	return Client{"other", "25w397hlRDPzWoO8VIRoq7vLeeBROtfl-a0I2VBD-uI", "https://other.example/cb", "https://other.example/out"}
}

// Trusted is a first-party client without a consent page.
func Trusted() Client {
	return Client{"trusted", "IHDrgkh5NjsFhcxAlM9-rsrmCFrPfT8sLK9eQwutMmY", "https://trusted.example/cb", "https://trusted.example/out"}
}

// Native is a public client on the loopback addresses.
func Native() Client { return Client{"native", "", "http://127.0.0.1:51004/cb", ""} }

// Service is a machine.
func Service() Client {
	return Client{"service", "yFdayok7mkUf9-WTm_fGB80NfRNIwtWUYZqwpLhfiW8", "", ""}
}

// PKCE is a confidential client that must use PKCE.
func PKCE() Client {
	return Client{"pkce", "6vUpu99uWYfzfssrPo27TeKEDSgGtUB69uQOODgCKjo", "https://pkce.example/cb", ""}
}

// BasicOnly is a client that registered client_secret_basic alone.
func BasicOnly() Client {
	return Client{"basiconly", "SKnggatguqDMfXXdQvGQTCliz-vMgwJ2erYfGptdS10", "https://basiconly.example/cb", ""}
}

// MaxAge has a default_max_age of two seconds.
func MaxAge() Client {
	return Client{"maxage", "kUG8EpajvuLVw6tjl3VsHj8Vti-nEO0T95fi8iD6xb0", "https://maxage.example/cb", ""}
}

// ShortSession takes no session older than two seconds.
func ShortSession() Client {
	return Client{"shortsession", "v8FnPV_OOX6CnoTRPr1bT-yIc5wgcid_TE0egVhFnv4", "https://shortsession.example/cb", ""}
}

// Always has always_reauthenticate.
func Always() Client {
	return Client{"always", "OFaonUxtqqpRkTozoUAQgitd1S6_-rWHW8LycJs0XrM", "https://always.example/cb", ""}
}

// Quick has the shortest lifetimes: code 5 s, access token 30 s, refresh grace 1 s.
func Quick() Client {
	return Client{"quick", "JmXyX0CQkh8gstlu3qnCkcnXSqjYnYvoDYIZUu7ws6I", "https://quick.example/cb", ""}
}

// Lean gets ES256 ID tokens without claims about the person.
func Lean() Client {
	return Client{"lean", "Kak-rsr_h5gFDpxaGpqmLZ142CT7_TxbI8ZFKvbbtYA", "https://lean.example/cb", ""}
}

// Opaque gets opaque access tokens and EdDSA ID tokens.
func Opaque() Client {
	return Client{"opaque", "q2K5XbejgfITD-maegsYOgS4N7w4xbed9QAvHB3j0EQ", "https://opaque.example/cb", ""}
}
