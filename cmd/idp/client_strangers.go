package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"idp/internal/handlers/api"
	"idp/internal/idp"
)

func newClientPendingCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "pending",
		Short: "List the applications that wait for approval",
		Args:  cobra.NoArgs,
		RunE: a.online(func(ctx context.Context, b *backend, _ []string) error {
			list, err := b.PendingClients(ctx)
			if err != nil {
				return err
			}
			o := a.output()
			rows := make([][]string, len(list))
			for i, c := range list {
				rows[i] = []string{c.ID, c.Name, showList(c.RedirectURIs), showTime(c.CreatedAt)}
			}
			return o.object(list, func() { o.table([]string{"CLIENT ID", "NAME", "REDIRECT URIS", "SINCE"}, rows) })
		}),
	}
}

func newClientApproveCmd(a *app) *cobra.Command {
	return a.judgeCmd("approve", "Let applications that registered themselves be used as those that you registered: without a warning, and for ever", true)
}

func newClientDenyCmd(a *app) *cobra.Command {
	return a.judgeCmd("deny", "Refuse applications that registered themselves, and revoke what they were given", false)
}

func (a *app) judgeCmd(verb, short string, approved bool) *cobra.Command {
	return &cobra.Command{
		Use:     verb + " CLIENT_ID…",
		Short:   short,
		Example: "  idp client " + verb + " https://app.example/client.json",
		Args:    cobra.MinimumNArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			return each(args, func(id string) error {
				c, err := b.JudgeClient(ctx, id, approved)
				if err != nil {
					return err
				}
				if approved {
					a.say("Approved the client %s.", c.ID)
				} else {
					a.say("Denied the client %s.", c.ID)
				}
				return nil
			})
		}),
		ValidArgsFunction: a.complete(completeClients),
	}
}

func newRegistrationTokenCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "registration-token",
		Short: "Tokens with which applications may register themselves",
		Long:  "Tokens with which applications may register themselves at /oauth2/register (initial access tokens, RFC 7591). The setting client_registration.mode must be token or open.",
	}
	cmd.AddCommand(newRegistrationTokenCreateCmd(a), newRegistrationTokenListCmd(a), newRegistrationTokenRevokeCmd(a))
	return cmd
}

func newRegistrationTokenCreateCmd(a *app) *cobra.Command {
	var n api.NewRegistrationToken
	var life, file string
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a token, and print it this once",
		Example: `  idp client registration-token create --name "partner portal" --uses 5 --expires-in 7d
  idp client registration-token create --scope openid,email --grant authorization_code`,
		Args: cobra.NoArgs,
		RunE: a.online(func(ctx context.Context, b *backend, _ []string) error {
			d, err := readDuration(life)
			if err != nil {
				return usagef("--expires-in %q is no duration: write a number and its unit, such as 90s, 10m, 24h or 30d", life)
			}
			n.ExpiresIn = idp.Seconds(d / time.Second)
			if err := a.checkSecretFile(file); err != nil {
				return err
			}
			made, err := b.CreateRegistrationToken(ctx, n)
			if err != nil {
				return err
			}
			if made.Token, err = a.showSecret("token", made.Token, file); err != nil {
				return err
			}
			o := a.output()
			return o.object(made, func() {
				o.fields(
					[2]string{"id", made.ID}, [2]string{"name", made.Name}, [2]string{"token", made.Token}, [2]string{"token file", file},
					[2]string{"expires", showTime(made.ExpiresAt)},
				)
			})
		}),
	}
	f := cmd.Flags()
	f.StringVar(&n.Name, "name", "", "`name` of whom it is for")
	f.Int64Var(&n.Uses, "uses", 1, "how many applications may register with it")
	f.StringVar(&life, "expires-in", "24h", "how long it is good, a `duration` such as 7d")
	f.StringSliceVar(&n.Scopes, "scope", nil, "`scopes` that such an application may ask for (default: the setting client_registration.scopes)")
	f.StringSliceVar(&n.Grants, "grant", nil, "grant `types` that it may be registered for (default: the setting client_registration.grant_types)")
	f.StringVar(&file, "token-file", "", "write the token to this `file`, readable by you only, instead of showing it")
	return cmd
}

func newRegistrationTokenListCmd(a *app) *cobra.Command {
	var p paging
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the tokens that have not expired",
		Args:  cobra.NoArgs,
		RunE: a.online(func(ctx context.Context, b *backend, _ []string) error {
			list, err := readPages(ctx, a, p, b.RegistrationTokens)
			if err != nil {
				return err
			}
			rows := make([][]string, len(list))
			for i, t := range list {
				rows[i] = []string{t.ID, t.Name, showCount(t.Used, t.Uses), showTime(t.ExpiresAt), showList(t.Scopes)}
			}
			o := a.output()
			return o.object(list, func() { o.table([]string{"ID", "NAME", "USED", "EXPIRES", "SCOPES"}, rows) })
		}),
	}
	p.flags(cmd)
	return cmd
}

func newRegistrationTokenRevokeCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID…",
		Short: "End tokens; what was registered with them stays",
		Args:  cobra.MinimumNArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			return each(args, func(id string) error {
				if err := b.RevokeRegistrationToken(ctx, id); err != nil {
					return err
				}
				a.say("Revoked the token %s.", id)
				return nil
			})
		}),
	}
}
