package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"idp/internal/idp"
)

func newTraceCmd(a *app) *cobra.Command {
	return a.withDatabase(&cobra.Command{
		Use:   "trace ID",
		Short: "Explain why a request was answered as it was",
		Long: `Explain why an authorization or token request was answered as it was: each check in its order, what was expected and what came, and how to mend
it. The ID stands on the error page, in the log (trace_id), and in the answer's header. Traces hold no secret and are kept for a day
(setting trace.retention).` + onlineHelp,
		Example: `  idp trace 06h0hamef9of18ts21693h2in8`,
		Args:    cobra.ExactArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			t, err := b.Trace(ctx, args[0])
			if idp.KindOf(err) == idp.NotFound {
				return &idp.Error{Kind: idp.NotFound, Code: "trace_not_found", Message: fmt.Sprintf("There is no trace %q: it is older than trace.retention, the id was not copied whole, or it was one of too many good requests to keep.", printable(args[0]))}
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
