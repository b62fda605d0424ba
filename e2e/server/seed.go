package server

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed seed.yaml
var seedText string

//go:embed secrets
var secretFiles embed.FS

// Password is the password of every user in seed.yaml.
const Password = "correct horse battery staple 42"

// PasswordHash is its hash, by the cheap parameters that a server of the tests has (see RealHashing).
const PasswordHash = "$argon2id$v=19$m=64,t=1,p=1$c2FsdE9mVGhlRTJFVGVzdA$HpmU65e+MiVIxxwQYREPnRD0NaJup4x4moIgISXJNPo"

// CrowdSize is the number of interchangeable users in seed.yaml.
const CrowdSize = 480

// User is a person in seed.yaml.
type User struct{ Username, Email, Password string }

// Person returns the user of that name.
func Person(name string) User { return User{name, name + "@example.test", Password} }

// ownCrowd is how many of them a server of one test's own gets: each one is a transaction at the start.
const ownCrowd = 16

// SeedText returns seed.yaml with a crowd for a server of one test's own, to be changed and given to Seed.
func SeedText() string { return withCrowd(ownCrowd) }

// withCrowd returns seed.yaml with the first n of the crowd.
func withCrowd(n int) string {
	var text strings.Builder
	for line := range strings.Lines(seedText) {
		if _, name, is := strings.Cut(line, "{username: u"); is {
			if name[:3] > fmt.Sprintf("%03d", n) {
				continue
			}
		}
		text.WriteString(line)
	}
	return text.String()
}

// Crowd returns the nth of the interchangeable users, from 1 to CrowdSize.
func Crowd(n int) User { return Person(fmt.Sprintf("u%03d", n)) }

// Client is a client in seed.yaml, as its application knows itself.
type Client struct {
	ID       string
	Secret   string // empty: a public client
	Redirect string
	Logout   string // a registered post-logout redirect URI
}

// client returns a client of seed.yaml with the secret that lies beside it.
func client(id, redirect, logout string) Client {
	text, err := secretFiles.ReadFile("secrets/" + id)
	if err != nil {
		panic(fmt.Sprintf("client %s has no file in e2e/server/secrets: %v", id, err)) // embedded: a mistake in this package
	}
	return Client{id, strings.TrimSpace(string(text)), redirect, logout}
}

// writeSecrets puts the clients' secrets beside a seed file.
func writeSecrets(t testing.TB, folder string) {
	t.Helper()
	files, err := fs.Sub(secretFiles, "secrets")
	if err == nil {
		err = os.CopyFS(filepath.Join(folder, "secrets"), files)
	}
	if err != nil {
		t.Fatalf("write the clients' secrets: %v", err)
	}
}

// Web is the usual client: Basic and post, consent asked once. The comments of seed.yaml say what each client is for.
func Web() Client {
	return client("web", "https://rp.example/cb", "https://rp.example/out")
}

// Other is a second confidential client.
func Other() Client {
	return client("other", "https://other.example/cb", "https://other.example/out")
}

// Trusted is a first-party client without a consent page.
func Trusted() Client {
	return client("trusted", "https://trusted.example/cb", "https://trusted.example/out")
}

// Native is a public client on the loopback addresses.
func Native() Client { return Client{"native", "", "http://127.0.0.1:51004/cb", ""} }

// Service is a machine.
func Service() Client {
	return client("service", "", "")
}

// PKCE is a confidential client that must use PKCE.
func PKCE() Client {
	return client("pkce", "https://pkce.example/cb", "")
}

// Pushed is a client whose requests must be pushed.
func Pushed() Client {
	return client("pushed", "https://pushed.example/cb", "")
}

// Signer is a client that may sign its requests, with SignerKey or SignerEdKey.
func Signer() Client {
	return client("signer", "https://signer.example/cb", "")
}

// Strict is a client that must sign its requests, with SignerKey.
func Strict() Client {
	return client("strict", "https://strict.example/cb", "")
}

// Unsigned is a client whose request objects have alg none.
func Unsigned() Client {
	return client("unsigned", "https://unsigned.example/cb", "")
}

// Resources is a client that may name three resources.
func Resources() Client {
	return client("resources", "https://resources.example/cb", "")
}

// Payments is a client that may ask for the authorization details payment and urn:example:account, once those types are registered, for two resources,
// by a device and by CIBA too.
func Payments() Client {
	return client("payments", "https://payments.example/cb", "")
}

// BasicOnly is a client that registered client_secret_basic alone.
func BasicOnly() Client {
	return client("basiconly", "https://basiconly.example/cb", "")
}

// MaxAge has a default_max_age of two seconds.
func MaxAge() Client {
	return client("maxage", "https://maxage.example/cb", "")
}

// ShortSession takes no session older than two seconds.
func ShortSession() Client {
	return client("shortsession", "https://shortsession.example/cb", "")
}

// Always has always_reauthenticate.
func Always() Client {
	return client("always", "https://always.example/cb", "")
}

// Quick has the shortest lifetimes: code 5 s, access token 30 s, refresh grace 1 s.
func Quick() Client {
	return client("quick", "https://quick.example/cb", "")
}

// Lean gets ES256 ID tokens without claims about the person.
func Lean() Client {
	return client("lean", "https://lean.example/cb", "")
}

// Formats gets what is signed by PS256 and ES384, and UserInfo as a JWT.
func Formats() Client {
	return client("formats", "https://formats.example/cb", "")
}

// Sealed gets everything encrypted to SealedKey.
func Sealed() Client {
	return client("sealed", "https://sealed.example/cb", "")
}

// Pairwise are three clients with pairwise subjects: the first two of one sector.
func Pairwise() [3]Client {
	return [3]Client{
		client("pairwise", "https://pairwise.example/cb", "https://pairwise.example/out"),
		client("pairwise2", "https://pairwise.example/two", ""),
		client("pairwise3", "https://elsewhere.example/cb", ""),
	}
}

// Opaque gets opaque access tokens and EdDSA ID tokens.
func Opaque() Client {
	return client("opaque", "https://opaque.example/cb", "")
}

// TV is a public client of the device grant.
func TV() Client { return Client{"tv", "", "", ""} }

// Kiosk is a confidential and trusted client of the device grant.
func Kiosk() Client {
	return client("kiosk", "", "")
}

// DPoP gets tokens that are bound to the key of its proofs.
func DPoP() Client {
	return client("dpop", "https://dpop.example/cb", "")
}

// DPoPNonce does too, and must hold a nonce in each proof.
func DPoPNonce() Client {
	return client("dpopnonce", "https://dpopnonce.example/cb", "")
}

// CertBound gets tokens that are bound to its TLS certificate.
func CertBound() Client {
	return client("certbound", "https://certbound.example/cb", "")
}

// CertPublic does too, and has no other credentials.
func CertPublic() Client { return Client{"certpublic", "", "https://certpublic.example/cb", ""} }

// Front may have every response type.
func Front() Client {
	return client("front", "https://front.example/cb", "")
}

// Jarm takes signed answers only, in ES256.
func Jarm() Client {
	return client("jarm", "https://jarm.example/cb", "")
}

// Bank asks people who are not at it (CIBA), and polls.
func Bank() Client {
	return client("bank", "", "")
}

// CalendarAPI is an API of Resources, and may exchange what it is called with for tokens of InnerAPI.
func CalendarAPI() Client {
	return client("calendarapi", "", "")
}

// InnerAPI may exchange further.
func InnerAPI() Client {
	return client("innerapi", "", "")
}

// Mirror is like CalendarAPI, and does not say that it acts.
func Mirror() Client {
	return client("mirror", "", "")
}

// Hub exchanges its own ID tokens.
func Hub() Client {
	return client("hub", "https://hub.example/cb", "")
}

// Teller does the same with signed requests, and is told of the answer.
func Teller() Client {
	return client("teller", "", "")
}
