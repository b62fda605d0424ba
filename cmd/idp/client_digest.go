package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"idp/internal/client"
	"idp/internal/secret"
)

func newDigestSecretCmd(a *app) *cobra.Command {
	var file, fresh string
	cmd := &cobra.Command{
		Use:   "digest-secret",
		Short: "Print the digest of a secret, for secret_digest in client files",
		Long: `Print the digest of a client's secret, which may stand as secret_digest in client files: it says nothing about the secret. The secret is typed,
or read from standard input or a file; --new makes one. The digest is made with the first key of the key ring, so this command runs where
that file is, and servers with another ring refuse the digest.`,
		Example: `  idp client digest-secret --new shop.secret
  idp client digest-secret --secret-file shop.secret
  pass show shop | idp client digest-secret`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file != "" && fresh != "" {
				return usagef("--secret-file reads a secret and --new makes one: give one of them")
			}
			c, err := a.loadConfig(cmd)
			if err != nil {
				return err
			}
			if c.KeyringFile == "" {
				return errors.New("no key ring is set: set keyring_file to the server's, whose first key makes the digest")
			}
			ring, err := readKeyring(c.KeyringFile)
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("the key ring %s is not there: run this where the server runs, or name its key ring with --set keyring_file=FILE", c.KeyringFile)
			}
			if err != nil {
				return err
			}
			text := secret.NewClientSecret()
			if fresh == "" {
				if text, err = a.askSecret("secret", file, false); err != nil {
					return err
				}
			}
			digest, err := client.SecretDigest(ring, text)
			if err != nil {
				return err
			}
			if fresh != "" {
				if err := writePrivate(fresh, text+"\n"); errors.Is(err, fs.ErrExist) {
					return usagef("the file %s is there already: name another one, or read its secret with --secret-file", fresh)
				} else if err != nil {
					return err
				}
				a.say("The secret is in %s, which only you can read.", fresh)
			}
			if o := a.output(); o.format == formatJSON || o.format == formatYAML {
				return o.object(struct {
					Digest string `json:"secret_digest"`
					File   string `json:"secret_file,omitempty"`
				}{digest, fresh}, nil)
			}
			return a.print(digest + "\n")
		},
	}
	cmd.Flags().StringVar(&file, "secret-file", "", "`file` that holds the secret; - is standard input")
	cmd.Flags().StringVar(&fresh, "new", "", "make a secret, and write it to this `file`, readable by you only")
	return cmd
}
