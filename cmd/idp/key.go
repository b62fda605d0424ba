package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"idp/internal/handlers/api"
	"idp/internal/idp"
)

func newKeyCmd(a *app) *cobra.Command {
	cmd := a.withDatabase(&cobra.Command{
		Use:   "key",
		Short: "The keys that sign and decrypt tokens, and the key ring that encrypts secrets",
		Long: `The keys that sign tokens and decrypt what clients send, and the key ring that encrypts secrets in the database.

There is a key for each algorithm that is in use: RS256, ES256 and EdDSA from the first start on, another when a client is registered for it.
They change by themselves (setting keys.rotate_every). A new key is published before it signs, and an old one stays published until the
last token that it signed has expired.` + onlineHelp + `
The key ring is worked on here in any case.`,
	})
	cmd.AddCommand(
		&cobra.Command{
			Use:   "list",
			Short: "List the keys that sign and decrypt",
			Args:  cobra.NoArgs,
			RunE: a.online(func(ctx context.Context, b *backend, _ []string) error {
				list, err := b.Keys(ctx)
				if err != nil {
					return err
				}
				o := a.output()
				return o.object(list, func() { o.keyTable(list) })
			}),
		},
		newKeyRotateCmd(a), newKeyRetireCmd(a), newKeyWithdrawCmd(a), newRingCmd(a),
	)
	return cmd
}

func (o *output) keyTable(list []api.Key) {
	rows := make([][]string, len(list))
	for i, k := range list {
		rows[i] = []string{k.ID, k.Algorithm, string(k.State), showTime(k.ActiveAt), showTimeIf(k.RetiredAt), showTimeIf(k.ExpiresAt)}
	}
	o.table([]string{"KID", "ALG", "STATE", "SIGNS FROM", "SIGNS UNTIL", "PUBLISHED UNTIL"}, rows)
}

func newKeyRotateCmd(a *app) *cobra.Command {
	var alg string
	var now bool
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Make a new key that takes over from the present one",
		Long: `Make a new key that takes over from the present one. It is published at once and signs after keys.publish_before (24h), so that
applications that keep the key set in memory know it by then. With --now the key that was published ahead signs at once. If there is
none, a new one does: applications refuse its tokens until they read the key set again, which most do when they meet an unknown key.

The first key of an algorithm works at once. So does one that decrypts (RSA-OAEP, ECDH-ES, …): the present one leaves the key set, and decrypts
what was encrypted before for another day.`,
		Example: `  idp key rotate --alg ES256
  idp key rotate --alg PS256
  idp key rotate --now          # all algorithms, at once`,
		Args: cobra.NoArgs,
		RunE: a.online(func(ctx context.Context, b *backend, _ []string) error {
			if known := append(idp.SupportedSigningAlgs(), idp.SupportedEncryptionAlgs()...); alg != "" && !slices.Contains(known, alg) {
				return usagef("there is no algorithm %q: use one of %s", alg, strings.Join(known, ", "))
			}
			algs := []string{alg}
			if alg == "" {
				list, err := b.Keys(ctx)
				if err != nil {
					return err
				}
				algs = algorithmsOf(list)
			}
			var made []api.Key
			err := each(algs, func(alg string) error {
				k, err := b.RotateKey(ctx, api.RotateKey{Algorithm: alg, Now: now})
				if err == nil {
					made = append(made, k)
				}
				return err
			})
			o := a.output()
			if len(made) > 0 {
				err = errors.Join(err, o.object(made, func() { o.keyTable(made) }))
			}
			return err
		}),
	}
	cmd.Flags().StringVar(&alg, "alg", "", "only the key of this algorithm (default: of each that there is a key for)")
	cmd.Flags().BoolVar(&now, "now", false, "sign with the next key at once")
	must(cmd.RegisterFlagCompletionFunc("alg", cobra.FixedCompletions(append(idp.SupportedSigningAlgs(), idp.SupportedEncryptionAlgs()...), cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// algorithmsOf lists the algorithms that there are keys for.
func algorithmsOf(list []api.Key) []string {
	var algs []string
	for _, k := range list {
		if !slices.Contains(algs, k.Algorithm) {
			algs = append(algs, k.Algorithm)
		}
	}
	return algs
}

func newKeyRetireCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "retire KID",
		Short: "Stop a key from signing; it stays published until its last token has expired",
		Args:  cobra.ExactArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			if err := b.RetireKey(ctx, args[0], api.RetireKey{}); err != nil {
				return err
			}
			a.say("The key %s signs no more.", args[0])
			return nil
		}),
		ValidArgsFunction: a.complete(completeKeys),
	}
}

func newKeyWithdrawCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "withdraw KID",
		Short: "Take a key that leaked out of use and out of the key set at once",
		Long: `Take a key that leaked out of use and out of the key set at once. Every token that it signed is refused from now on, here, and at each
application as soon as it reads the key set again. A new key takes its place.`,
		Args: cobra.ExactArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			if err := a.confirm("Every token that the key " + args[0] + " signed stops working. Withdraw it?"); err != nil {
				return err
			}
			if err := b.RetireKey(ctx, args[0], api.RetireKey{Leaked: true}); err != nil {
				return err
			}
			a.say("The key %s is withdrawn.", args[0])
			return nil
		}),
		ValidArgsFunction: a.complete(completeKeys),
	}
}

func completeKeys(ctx context.Context, b *backend) ([]string, error) {
	list, err := b.Keys(ctx)
	return completions(list, func(k api.Key) (string, string) { return k.ID, k.Algorithm + " " + string(k.State) }), err
}
