package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"idp/internal/handlers/api"
	"idp/internal/handlers/api/apiclient"
)

func newSessionLogoutsCmd(a *app) *cobra.Command {
	var p paging
	var who string
	var of apiclient.LogoutQuery
	cmd := &cobra.Command{
		Use:   "logouts",
		Short: "List which applications were told of ended sessions, and what they answered",
		Long: `List which applications were told of ended sessions, and what they answered: newest first, for a week. An application is told
if it has a backchannel_logout_uri and got a code in the session. One that does not answer is told again, eight times in all.`,
		Example: `  idp session logouts --user ann@example.com
  idp session logouts --client web -o wide`,
		Args: cobra.NoArgs,
		RunE: a.online(func(ctx context.Context, b *backend, _ []string) error {
			if who != "" {
				u, err := b.findUser(ctx, who)
				if err != nil {
					return err
				}
				of.UserID = u.ID
			}
			list, err := readPages(ctx, a, p, func(ctx context.Context, page apiclient.Page) (api.Page[api.Logout], error) {
				of.Page = page
				return b.Logouts(ctx, of)
			})
			if err != nil {
				return err
			}
			o := a.output()
			return o.object(list, func() { o.logoutTable(list) })
		}),
	}
	p.flags(cmd)
	userFlag(a, cmd, &who, "only those of this user")
	cmd.Flags().StringVar(&of.SessionID, "session", "", "only those of this `session`")
	cmd.Flags().StringVar(&of.ClientID, "client", "", "only those to this `client`")
	must(cmd.RegisterFlagCompletionFunc("client", a.complete(completeClients)))
	return cmd
}

func (o *output) logoutTable(list []api.Logout) {
	header := []string{"ENDED", "SESSION", "CLIENT", "STATE", "TRIES", "STATUS", "FAULT"}
	if o.wide() {
		header = append(header, "USER ID", "NEXT TRY", "DONE")
	}
	rows := make([][]string, len(list))
	for i, l := range list {
		status, next, done := "", "", ""
		if l.Status != 0 {
			status = strconv.Itoa(l.Status)
		}
		if l.NextAttemptAt != nil {
			next = showTime(*l.NextAttemptAt)
		}
		if l.DoneAt != nil {
			done = showTime(*l.DoneAt)
		}
		rows[i] = []string{showTime(l.CreatedAt), l.SessionID, l.ClientID, string(l.State), strconv.Itoa(l.Attempts), status, l.Fault}
		if o.wide() {
			rows[i] = append(rows[i], l.UserID, next, done)
		}
	}
	o.table(header, rows)
}
