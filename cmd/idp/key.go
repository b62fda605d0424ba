package main

import (
	"context"
	"errors"
	"os"
	"os/user"
	"strconv"

	"github.com/spf13/cobra"

	"idp/internal/audit"
	"idp/internal/idp"
	"idp/internal/keys"
)

func newKeyCmd(a *app) *cobra.Command {
	cmd := a.withDatabase(&cobra.Command{
		Use:   "key",
		Short: "The keys that sign tokens, and the key ring that encrypts secrets",
		Long: `The keys that sign tokens, and the key ring that encrypts secrets in the database.

Signing keys are made at the first start and change by themselves (setting keys.rotate_every). A new key is published before it signs,
and an old one stays published until the last token that it signed has expired. These commands work on the database, also while the
server is down; a running server notices within a second.`,
	})
	cmd.AddCommand(
		&cobra.Command{
			Use:   "list",
			Short: "List the published signing keys",
			Args:  cobra.NoArgs,
			RunE: a.offline(func(_ context.Context, s *services, _ []string) error {
				list := s.keys.List()
				o := a.output()
				return o.object(list, func() { o.keyTable(list) })
			}),
		},
		newKeyRotateCmd(a), newKeyRetireCmd(a), newKeyWithdrawCmd(a), newRingCmd(a),
	)
	return cmd
}

func (o *output) keyTable(list []keys.Info) {
	rows := make([][]string, len(list))
	for i, k := range list {
		rows[i] = []string{k.ID, k.Algorithm, k.State, showTime(k.ActiveAt), showTimeIf(k.RetiredAt), showTimeIf(k.ExpiresAt)}
	}
	o.table([]string{"KID", "ALG", "STATE", "SIGNS FROM", "SIGNS UNTIL", "PUBLISHED UNTIL"}, rows)
}

func newKeyRotateCmd(a *app) *cobra.Command {
	var alg string
	var now bool
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Make a new signing key that takes over from the present one",
		Long: `Make a new signing key that takes over from the present one. It is published at once and signs after keys.publish_before (24h), so that
applications that keep the key set in memory know it by then. --now lets it sign at once: those applications refuse its tokens until
they read the key set again, which most do when they meet an unknown key.`,
		Example: `  idp key rotate --alg ES256
  idp key rotate --now          # all algorithms, at once`,
		Args: cobra.NoArgs,
		RunE: a.offline(func(ctx context.Context, s *services, _ []string) error {
			algs := idp.SupportedSigningAlgs()
			if alg != "" {
				algs = []string{alg}
			}
			var made []keys.Info
			err := s.store.InTx(ctx, func(ctx context.Context) error {
				made = nil
				for _, alg := range algs {
					k, err := s.keys.Rotate(ctx, alg, now)
					if err != nil {
						return err
					}
					made = append(made, *k)
					if err := s.audit.Write(ctx, audit.Event{Type: audit.KeyRotated, Details: map[string]string{"kid": k.ID, "alg": alg, "at_once": strconv.FormatBool(now)}}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			o := a.output()
			return o.object(made, func() { o.keyTable(made) })
		}),
	}
	cmd.Flags().StringVar(&alg, "alg", "", "only the key of this algorithm (default: one of each)")
	cmd.Flags().BoolVar(&now, "now", false, "let the new key sign at once")
	must(cmd.RegisterFlagCompletionFunc("alg", cobra.FixedCompletions(idp.SupportedSigningAlgs(), cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func newKeyRetireCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "retire KID",
		Short: "Stop a key from signing; it stays published until its last token has expired",
		Args:  cobra.ExactArgs(1),
		RunE: a.offline(func(ctx context.Context, s *services, args []string) error {
			if err := a.removeKey(ctx, s, args[0], "retired", s.keys.Retire); err != nil {
				return err
			}
			a.say("The key %s signs no more.", args[0])
			return nil
		}),
		ValidArgsFunction: a.completeKeys,
	}
}

func newKeyWithdrawCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "withdraw KID",
		Short: "Take a key that leaked out of use and out of the key set at once",
		Long: `Take a key that leaked out of use and out of the key set at once. Every token that it signed is refused from now on, here, and at each
application as soon as it reads the key set again. A new key takes its place.`,
		Args: cobra.ExactArgs(1),
		RunE: a.offline(func(ctx context.Context, s *services, args []string) error {
			if err := a.confirm("Every token that the key " + args[0] + " signed stops working. Withdraw it?"); err != nil {
				return err
			}
			if err := a.removeKey(ctx, s, args[0], "withdrawn", s.keys.Withdraw); err != nil {
				return err
			}
			a.say("The key %s is withdrawn.", args[0])
			return nil
		}),
		ValidArgsFunction: a.completeKeys,
	}
}

// removeKey takes a key out of use, with its event.
func (a *app) removeKey(ctx context.Context, s *services, kid, how string, remove func(context.Context, string) error) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		if err := remove(ctx, kid); err != nil {
			return err
		}
		return s.audit.Write(ctx, audit.Event{Type: audit.KeyRetired, Details: map[string]string{"kid": kid, "how": how}})
	})
}

// completeKeys completes the ids of the published keys.
func (a *app) completeKeys(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var ids []string
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	err := a.offline(func(_ context.Context, s *services, _ []string) error {
		for _, k := range s.keys.List() {
			ids = append(ids, cobra.CompletionWithDesc(k.ID, k.Algorithm+" "+k.State))
		}
		return nil
	})(cmd, nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

// offline runs a command on the database itself, whether a server runs or not.
func (a *app) offline(do func(ctx context.Context, s *services, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		c, err := a.loadConfig(cmd)
		if err != nil {
			return err
		}
		ctx := idp.WithPeer(cmd.Context(), idp.Peer{Actor: a.operator(), UserAgent: "idp " + readVersion().Version})
		s, err := openServices(ctx, c, openOptions{logger: a.commandLogger()})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		return do(ctx, s, args)
	}
}

// operator returns who acts: the person at this machine. Under sudo it is the one who called it.
func (a *app) operator() idp.Actor {
	name := a.getenv("SUDO_USER")
	if name == "" {
		if u, err := user.Current(); err == nil {
			name = u.Username
		} else {
			name = "uid " + strconv.Itoa(os.Getuid())
		}
	}
	return idp.Actor{Kind: audit.ActorOperator, ID: name}
}
