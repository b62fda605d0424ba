package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"idp/internal/idp"
)

func newTraceCmd(a *app) *cobra.Command {
	return a.withDatabase(&cobra.Command{
		Use:   "trace ID",
		Short: "Explain why a request was answered as it was",
		Long: `Explain why an authorization or token request was answered as it was: each check in its order, what was expected and what came, and how to mend
it. The ID stands on the error page, in the log (trace_id), and in the header X-Trace-Id of the token endpoint's errors. An error that
the browser carried back to the application has its id in the log only. Traces hold no secret and are kept for a day
(setting trace.retention).` + onlineHelp,
		Example: `  idp trace 06h0hamef9of18ts21693h2in8`,
		Args:    cobra.ExactArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			t, err := b.Trace(ctx, args[0])
			// A server writes traces behind its answers: a script that asks at once is early.
			for tries := 0; idp.KindOf(err) == idp.NotFound && tries < 3; tries++ {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(250 * time.Millisecond):
				}
				t, err = b.Trace(ctx, args[0])
			}
			if idp.KindOf(err) == idp.NotFound {
				return &idp.Error{Kind: idp.NotFound, Code: "trace_not_found", Message: fmt.Sprintf("There is no trace %q. Only authorization and token requests have one: if this is a request_id, look for it in the server's log. Otherwise it is older than trace.retention, was not copied whole, or was one of too many requests to keep.", printable(args[0]))}
			}
			if err != nil {
				return err
			}
			o := a.output()
			return o.object(t, func() {
				showTrace(a.out, idp.Trace{ID: t.ID, At: t.At, Endpoint: t.Endpoint, ClientID: t.ClientID, Outcome: t.Outcome, Checks: t.Checks}, a.colour(a.out))
			})
		}),
		ValidArgsFunction: cobra.NoFileCompletions,
	})
}
