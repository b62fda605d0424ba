package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"idp/internal/audit"
	"idp/internal/client"
	"idp/internal/directory"
	"idp/internal/idp"
	"idp/internal/keys"
	"idp/internal/secret"
	"idp/internal/store"
	"idp/internal/subject"
)

func newRingCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ring",
		Short: "The key ring: the file whose keys encrypt secrets in the database",
		Long: `The key ring (setting keyring_file) encrypts what must be read back: signing keys, the client secrets at upstream providers, and the secret
behind pairwise subjects, which stays the same. Its first key encrypts, all of them decrypt. To change it:

  idp key ring rotate      # a new first key; restart the server so that it reads the file
  idp key ring reseal      # encrypt everything anew with it

With several replicas add the key with --standby first, give the file to all of them, restart them, and then move its line to the top.
Keep the old keys: digests of client secrets and cookies that were made with them are verified with them.`,
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "new",
			Short: "Print a new key ring, for replicas that share one",
			Example: `  (umask 077; idp key ring new > keyring)
  idp serve --set keyring_file=keyring`,
			Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				return a.print(keyringHead + secret.GenerateKey().Line() + "\n")
			},
		},
		&cobra.Command{
			Use:   "list",
			Short: "List the keys of the ring and what each has encrypted",
			Args:  cobra.NoArgs,
			RunE:  a.offline(func(ctx context.Context, s *services, _ []string) error { return a.listRing(ctx, s) }),
		},
		newRingRotateCmd(a),
		&cobra.Command{
			Use:   "reseal",
			Short: "Encrypt every secret in the database anew with the first key of the ring",
			Args:  cobra.NoArgs,
			RunE: a.offline(func(ctx context.Context, s *services, _ []string) error {
				n, err := reseal(ctx, s)
				if err == nil {
					a.say("%s encrypted anew with the key %s.", idp.Counted(n, "value"), s.keyring.Active())
				}
				return err
			}),
		},
	)
	return cmd
}

func newRingRotateCmd(a *app) *cobra.Command {
	var standby bool
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Put a new key at the top of the ring's file",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.loadConfig(cmd)
			if err != nil {
				return err
			}
			if _, err := readKeyring(c.KeyringFile); err != nil {
				return err // a ring that cannot be read is not made worse
			}
			old, err := readBounded(c.KeyringFile, maxKeyringFile)
			if err != nil {
				return err
			}
			k := secret.GenerateKey()
			text := k.Line() + "\n" + string(old)
			if standby {
				text = string(old) + "\n" + k.Line() + "\n"
			}
			if _, err := secret.ParseKeyring([]byte(text)); err != nil {
				return err
			}
			if err := replacePrivate(c.KeyringFile, text); err != nil {
				return err
			}
			if standby {
				a.say("The key %s stands by at the end of %s. Give the file to all replicas, restart them, then move its line to the top.", k.ID, c.KeyringFile)
				return nil
			}
			a.say("The key %s is at the top of %s. Restart the server, then run `idp key ring reseal`.", k.ID, c.KeyringFile)
			return nil
		},
	}
	cmd.Flags().BoolVar(&standby, "standby", false, "add the key at the end, where it only decrypts")
	return cmd
}

// sealedValue is one encrypted value in the database.
type sealedValue struct {
	what    string
	sealed  string
	binding secret.Binding
	replace func(ctx context.Context, sealed string) error
}

// sealedValues lists what is encrypted at rest for longer than a sign-in takes.
func sealedValues(ctx context.Context, s *store.Store) ([]sealedValue, error) {
	var values []sealedValue
	signing, err := s.SigningKeys(ctx, time.Time{}) // also those that have left the key set
	if err != nil {
		return nil, err
	}
	for _, k := range signing {
		values = append(values, sealedValue{
			what: "signing key " + k.ID, sealed: k.Sealed, binding: keys.Binding(k.ID),
			replace: func(ctx context.Context, sealed string) error { return s.ResealSigningKey(ctx, k.ID, k.Sealed, sealed) },
		})
	}
	own, err := s.ServerSecrets(ctx)
	if err != nil {
		return nil, err
	}
	for _, v := range own {
		values = append(values, sealedValue{
			what: "server secret " + v.Name, sealed: v.Sealed, binding: subject.Binding(v.Name),
			replace: func(ctx context.Context, sealed string) error {
				return s.ResealServerSecret(ctx, v.Name, v.Sealed, sealed)
			},
		})
	}
	providers, err := s.Providers(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range providers {
		if p.Secret == "" {
			continue
		}
		values = append(values, sealedValue{
			what: "client secret of provider " + p.ID, sealed: p.Secret, binding: directory.ProviderBinding(p.ID),
			replace: func(ctx context.Context, sealed string) error { return s.ResealProvider(ctx, p.ID, p.Secret, sealed) },
		})
	}
	return sealedSecrets(ctx, s, values)
}

// sealedSecrets adds the secrets that clients sign with.
func sealedSecrets(ctx context.Context, s *store.Store, values []sealedValue) ([]sealedValue, error) {
	const batch = 500
	for after := ""; ; {
		list, err := s.Clients(ctx, store.Page{After: after, Limit: batch})
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			after = c.ID
			for _, kept := range c.Secrets {
				if kept.Sealed == "" {
					continue
				}
				values = append(values, sealedValue{
					what: "secret of client " + c.ID, sealed: kept.Sealed, binding: client.SecretBinding(c.ID, kept.ID),
					replace: func(ctx context.Context, sealed string) error { return resealSecret(ctx, s, c.ID, kept.ID, sealed) },
				})
			}
		}
		if len(list) < batch {
			return values, nil
		}
	}
}

// resealSecret replaces one secret of a client, which may have several.
func resealSecret(ctx context.Context, s *store.Store, id, secretID, sealed string) error {
	c, err := s.Client(ctx, id)
	if err != nil {
		return err
	}
	for i := range c.Secrets {
		if c.Secrets[i].ID == secretID {
			c.Secrets[i].Sealed = sealed
		}
	}
	return s.UpdateClient(ctx, c, c.UpdatedAt)
}

// reseal encrypts with the active key whatever another one encrypted, all of it or nothing.
func reseal(ctx context.Context, s *services) (n int, err error) {
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		n = 0
		values, err := sealedValues(ctx, s.store)
		if err != nil {
			return err
		}
		for _, v := range values {
			if s.keyring.SealedWithActive(v.sealed) {
				continue
			}
			text, err := s.keyring.Open(v.sealed, v.binding)
			if err != nil {
				return fmt.Errorf("%s: %w", v.what, err)
			}
			sealed, err := s.keyring.Seal(text, v.binding)
			if err != nil {
				return err
			}
			if err := v.replace(ctx, sealed); err != nil {
				return fmt.Errorf("%s: %w", v.what, err)
			}
			n++
		}
		if n == 0 {
			return nil
		}
		return s.audit.Write(ctx, audit.Event{Type: audit.KeyRotated, Details: map[string]string{"what": "key_ring", "active": s.keyring.Active(), "values": fmt.Sprint(n)}})
	})
	return n, err
}

// ringKey describes a key of the ring without it.
type ringKey struct {
	ID     string `json:"id"`
	Active bool   `json:"active"`
	Values int    `json:"values"`
}

func (a *app) listRing(ctx context.Context, s *services) error {
	values, err := sealedValues(ctx, s.store)
	if err != nil {
		return err
	}
	list := make([]ringKey, 0, len(s.keyring.IDs()))
	for _, id := range s.keyring.IDs() {
		list = append(list, ringKey{ID: id, Active: id == s.keyring.Active()})
	}
	var faults []error
	for _, v := range values {
		if _, err := s.keyring.Open(v.sealed, v.binding); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", v.what, err))
			continue
		}
		for i := range list {
			if strings.HasPrefix(v.sealed, "v1."+list[i].ID+".") {
				list[i].Values++
			}
		}
	}
	rows := make([][]string, len(list))
	for i, k := range list {
		rows[i] = []string{k.ID, showYes(k.Active), fmt.Sprint(k.Values)}
	}
	o := a.output()
	return errors.Join(o.object(list, func() { o.table([]string{"ID", "ENCRYPTS", "VALUES"}, rows) }), errors.Join(faults...))
}
