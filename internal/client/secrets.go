package client

import (
	"time"

	"idp/internal/idp"
	"idp/internal/secret"
)

// SecretBinding is where a client's secret is sealed, if it is kept so that it can be read.
func SecretBinding(clientID, secretID string) secret.Binding {
	return secret.Binding{Table: "clients", Column: "secret", Row: clientID + " " + secretID} // no id has a space
}

func (s *Service) newSecret(c *idp.Client, text string, at time.Time) (idp.ClientSecret, error) {
	return NewSecret(s.Keyring, c, text, at)
}

// NewSecret makes a secret's record for a client. The secret itself is kept, encrypted, only where it is needed to verify what the client signs
// with it (client_secret_jwt, RFC 7518 §3.2); a digest is enough for all other methods.
func NewSecret(ring *secret.Keyring, c *idp.Client, text string, at time.Time) (idp.ClientSecret, error) {
	made := idp.ClientSecret{ID: idp.NewID(), Digest: ring.KeyedDigest(idp.SecretPurpose, text), CreatedAt: at}
	if !c.Authenticates(idp.AuthClientSecretJWT) {
		return made, nil
	}
	var err error
	made.Sealed, err = ring.Seal([]byte(text), SecretBinding(c.ID, made.ID))
	return made, err
}

// KeepSecrets takes from a client what its methods of authentication no longer need: all secrets, or their readable copies.
func KeepSecrets(c *idp.Client) {
	if !c.HasSecret() {
		c.Secrets = nil
	}
	if c.Authenticates(idp.AuthClientSecretJWT) {
		return
	}
	for i := range c.Secrets {
		c.Secrets[i].Sealed = ""
	}
}
