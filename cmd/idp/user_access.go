package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"idp/internal/account"
	"idp/internal/idp"
)

func newUserLinkCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "link",
		Short: "A user's accounts at upstream providers",
		Long:  "A user's accounts at upstream providers. People make these links themselves by signing in; operators see and undo them.",
	}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "list USER",
			Short: "List a user's accounts at providers",
			Args:  cobra.ExactArgs(1),
			RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
				u, err := b.findUser(ctx, args[0])
				if err != nil {
					return err
				}
				list, err := b.Identities(ctx, u.ID)
				if err != nil {
					return err
				}
				rows := make([][]string, len(list))
				for i, l := range list {
					rows[i] = []string{l.ID, l.ProviderID, l.Subject, l.Email, showTime(l.CreatedAt), showTime(l.LastUsedAt)}
				}
				o := a.output()
				return o.object(list, func() { o.table([]string{"ID", "PROVIDER", "SUBJECT", "EMAIL", "LINKED", "LAST USED"}, rows) })
			}),
			ValidArgsFunction: a.complete(completeUsers),
		},
		&cobra.Command{
			Use:     "remove USER LINK_ID",
			Aliases: []string{"unlink", "delete"},
			Short:   "Undo a link; the person can no longer sign in that way",
			Args:    cobra.ExactArgs(2),
			RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
				u, err := b.findUser(ctx, args[0])
				if err != nil {
					return err
				}
				if err := a.confirm(fmt.Sprintf("Undo the link %s of %s?", args[1], args[0])); err != nil {
					return err
				}
				if err := b.UnlinkIdentity(ctx, u.ID, args[1]); err != nil {
					return err
				}
				a.say("The link is undone.")
				return nil
			}),
			ValidArgsFunction: a.complete(completeUsers),
		},
	)
	return cmd
}

func newUserGrantsCmd(a *app) *cobra.Command {
	var revoke string
	cmd := &cobra.Command{
		Use:   "grants USER",
		Short: "List what a user allowed which application, or take it back",
		Example: `  idp user grants ann@example.com
  idp user grants ann@example.com --revoke web --yes`,
		Args: cobra.ExactArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			u, err := b.findUser(ctx, args[0])
			if err != nil {
				return err
			}
			if revoke != "" {
				if err := a.confirm(fmt.Sprintf("Forget what %s allowed %s, and revoke its tokens?", args[0], revoke)); err != nil {
					return err
				}
				if err := b.RevokeGrant(ctx, u.ID, revoke); err != nil {
					return err
				}
				a.say("Revoked. %s is asked again at the next sign-in to %s.", args[0], revoke)
				return nil
			}
			list, err := b.Grants(ctx, u.ID)
			if err != nil {
				return err
			}
			rows := make([][]string, len(list))
			for i, g := range list {
				rows[i] = []string{g.ClientID, showList(g.Scopes), showTime(g.CreatedAt), showTime(g.UpdatedAt)}
			}
			o := a.output()
			return o.object(list, func() { o.table([]string{"CLIENT ID", "SCOPES", "SINCE", "CHANGED"}, rows) })
		}),
		ValidArgsFunction: a.complete(completeUsers),
	}
	cmd.Flags().StringVar(&revoke, "revoke", "", "forget what was allowed to this client, and revoke its tokens")
	must(cmd.RegisterFlagCompletionFunc("revoke", a.complete(completeClients)))
	return cmd
}

const progressEvery = 10 * time.Second

func newUserImportCmd(a *app) *cobra.Command {
	var file, errorsFile string
	var columns []string
	var opts account.ImportOptions
	cmd := &cobra.Command{
		Use:   "import -f FILE|-",
		Short: "Make accounts from a file, with their password hashes",
		Long: `Make accounts from a file: one JSON object on each line, or CSV whose first line names the columns. The columns are sub, email, email_verified,
username, password_hash, password_scheme, roles, state, and the claims of OpenID Connect (name, given_name, …); --column maps other names,
and NAME=- leaves one out. With sub people keep the name by which applications know them from another provider; without it a new one is made. A user who is there already and the same is skipped, so an import that was cut off is simply run again. Passwords
go on working: hashes of argon2, bcrypt, Django, Werkzeug, passlib, LDAP, Firebase and crypt are understood, and replaced at the next sign-in.
It works on the database itself.`,
		Example: `  idp user import -f users.csv --dry-run
  idp user import -f users.ndjson --errors failed.ndjson
  idp user import -f auth0.ndjson --column user_id=sub
  psql -c "COPY (SELECT …) TO STDOUT CSV HEADER" | idp user import -f - --column mail=email --scheme django`,
		Args: cobra.NoArgs,
		RunE: a.offline(func(ctx context.Context, s *services, _ []string) error {
			if file == "" {
				return usagef("name the file with -f FILE, or -f - for standard input")
			}
			opts.Columns = map[string]string{}
			for _, c := range columns {
				theirs, ours, ok := strings.Cut(c, "=")
				if !ok {
					return usagef("--column %s has no second half: write --column THEIRS=OURS", c)
				}
				opts.Columns[theirs] = ours
			}
			in, err := a.openInput(file)
			if err != nil {
				return err
			}
			defer in.Close()
			opts.Progress = a.progress()
			report, err := s.accounts.Import(ctx, in, opts)
			if err != nil && report.Rows == 0 {
				return err
			}
			return errors.Join(err, a.showImport(report, errorsFile))
		}),
	}
	f := cmd.Flags()
	f.StringVarP(&file, "file", "f", "", "`file`, or - for standard input")
	f.BoolVar(&opts.DryRun, "dry-run", false, "check everything and write nothing")
	f.StringVar(&opts.Format, "format", "", "ndjson or csv (default: by the first letter)")
	f.StringVar(&opts.Scheme, "scheme", "", "what made password hashes that do not say so themselves")
	f.StringArrayVar(&columns, "column", nil, "name in the file and ours, as `THEIRS=OURS`; - leaves it out; may be repeated")
	f.StringVar(&errorsFile, "errors", "", "write what is wrong with which line to this file, as NDJSON, instead of showing it")
	must(cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{account.FormatNDJSON, account.FormatCSV}, cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.RegisterFlagCompletionFunc("scheme", cobra.FixedCompletions(schemes(), cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// progress tells a person how far it is: on a terminal each hundred rows in one line, elsewhere a line now and then.
func (a *app) progress() func(account.Report) {
	next := a.now().Add(progressEvery)
	return func(r account.Report) {
		switch terminal := isTerminal(a.err); {
		case a.flags.quiet:
		case terminal && r.Rows%100 == 0:
			fmt.Fprintf(a.err, "\r%s, %d failed", idp.Counted(r.Rows, "row"), r.Failed)
		case !terminal && a.now().After(next):
			next = a.now().Add(progressEvery)
			a.say("%s, %d failed.", idp.Counted(r.Rows, "row"), r.Failed)
		}
	}
}

// showImport tells the outcome. Rows that failed make the command fail.
func (a *app) showImport(r account.Report, errorsFile string) error {
	if isTerminal(a.err) && r.Rows >= 100 && !a.flags.quiet {
		fmt.Fprintln(a.err)
	}
	if errorsFile != "" {
		var text strings.Builder
		for _, e := range r.Errors {
			line, err := json.Marshal(e)
			if err != nil {
				return err
			}
			text.Write(append(line, '\n'))
		}
		if err := os.WriteFile(errorsFile, []byte(text.String()), 0o600); err != nil {
			return fmt.Errorf("write what went wrong: %w", err)
		}
	}
	o := a.output()
	if o.format == formatJSON || o.format == formatYAML {
		if err := o.object(r, nil); err != nil {
			return err
		}
	} else {
		if errorsFile == "" {
			for _, e := range r.Errors {
				a.say("line %d: %s", e.Line, printable(e.Message))
			}
		}
		would := ""
		if r.DryRun {
			would = " This was a dry run: nothing was written."
		}
		a.say("%s: %d created, %d there already, %d failed.%s", idp.Counted(r.Rows, "row"), r.Created, r.Skipped, r.Failed, would)
	}
	if r.Failed > 0 {
		return fmt.Errorf("%d of %s failed; mend what is wrong and run the import again, what is there is skipped", r.Failed, idp.Counted(r.Rows, "row"))
	}
	return nil
}
