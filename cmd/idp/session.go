package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"idp/internal/handlers/api"
	"idp/internal/idp"
)

func newSessionCmd(a *app) *cobra.Command {
	cmd := a.withDatabase(&cobra.Command{
		Use:   "session",
		Short: "The browsers that are signed in",
		Long:  "The browsers that are signed in." + onlineHelp,
	})
	cmd.AddCommand(newSessionListCmd(a), newSessionEndCmd(a), newSessionLogoutsCmd(a))
	return cmd
}

func newSessionListCmd(a *app) *cobra.Command {
	var p paging
	var who string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the sessions that are live, or that a remember cookie can bring back",
		Example: `  idp session list --user ann@example.com -o wide`,
		Args:    cobra.NoArgs,
		RunE: a.online(func(ctx context.Context, b *backend, _ []string) error {
			list, err := b.sessions(ctx, a, who, p)
			if err != nil {
				return err
			}
			o := a.output()
			return o.object(list, func() { o.sessionTable(list) })
		}),
	}
	p.flags(cmd)
	userFlag(a, cmd, &who, "only those of this user")
	return cmd
}

func (b *backend) sessions(ctx context.Context, a *app, who string, p paging) ([]api.Session, error) {
	if who == "" {
		return readPages(ctx, a, p, b.Sessions)
	}
	u, err := b.findUser(ctx, who)
	if err != nil {
		return nil, err
	}
	return b.UserSessions(ctx, u.ID)
}

func (o *output) sessionTable(list []api.Session) {
	header := []string{"ID", "USER ID", "SIGNED IN", "LAST SEEN", "STATE", "ADDRESS"}
	if o.wide() {
		header = append(header, "HOW", "PROVIDER", "ENDS", "USER AGENT")
	}
	rows := make([][]string, len(list))
	for i, s := range list {
		state := "live"
		if !s.Live {
			state = "remembered"
		}
		rows[i] = []string{s.ID, s.UserID, showTime(s.AuthTime), showTime(s.LastSeenAt), state, s.Address}
		if o.wide() {
			rows[i] = append(rows[i], showList(s.AMR), s.ProviderID, showTime(s.ExpiresAt), s.UserAgent)
		}
	}
	o.table(header, rows)
}

func newSessionEndCmd(a *app) *cobra.Command {
	var who string
	cmd := &cobra.Command{
		Use:     "end [SESSION_ID…]",
		Aliases: []string{"revoke", "delete"},
		Short:   "End sessions, with the tokens that do not outlive them",
		Example: `  idp session end 06h0hamef9of18ts21693h2in8
  idp session end --user ann@example.com --yes     # everywhere, with all tokens`,
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			switch {
			case who == "" && len(args) == 0:
				return usagef("name sessions by their ids, or a user with --user")
			case who != "" && len(args) > 0:
				return usagef("--user ends all sessions of a user, so no ids go with it")
			case who == "":
				return each(args, func(id string) error {
					if err := b.EndSession(ctx, id); err != nil {
						return err
					}
					a.say("Ended the session %s.", id)
					return nil
				})
			}
			u, err := b.findUser(ctx, who)
			if err != nil {
				return err
			}
			if err := a.confirm(fmt.Sprintf("Sign %s out everywhere, and revoke all tokens?", who)); err != nil {
				return err
			}
			n, err := b.EndUserSessions(ctx, u.ID)
			if err != nil {
				return err
			}
			a.say("Ended %s of %s.", idp.Counted(n, "session"), who)
			return nil
		}),
		ValidArgsFunction: a.complete(completeSessions),
	}
	userFlag(a, cmd, &who, "all sessions of this user")
	return cmd
}

func userFlag(a *app, cmd *cobra.Command, who *string, usage string) {
	cmd.Flags().StringVar(who, "user", "", usage)
	must(cmd.RegisterFlagCompletionFunc("user", a.complete(completeUsers)))
}
