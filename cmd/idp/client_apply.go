package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"idp/internal/client"
	"idp/internal/idp"
)

func newClientApplyCmd(a *app) *cobra.Command {
	var paths []string
	var source string
	var dryRun, prune bool
	cmd := &cobra.Command{
		Use:   "apply -f FILE|FOLDER|-",
		Short: "Make clients what files say",
		Long: `Make clients what files say: YAML or JSON, as many documents in a file as one likes, all or none of them. Applied twice, nothing changes the second
time. A client that was applied is kept in files from then on: by hand it is changed with --force only. --prune deletes the clients of
the same --source that the files no longer name; others are never touched. Secrets stand in files of their own:

  client_id: web
  client_name: My app
  redirect_uris: [https://app.example.com/callback]
  secret_file: web.secret`,
		Example: `  idp client apply -f clients/ --dry-run
  idp client apply -f clients/ --prune --yes
  idp client get web --as-file > clients/web.yaml`,
		Args: cobra.NoArgs,
		RunE: a.online(func(ctx context.Context, b *backend, _ []string) error {
			if len(paths) == 0 {
				return usagef("name the files with -f FILE, -f FOLDER or -f -")
			}
			docs, err := a.applyDocuments(paths)
			if err != nil {
				return err
			}
			options := client.ApplyOptions{Source: source, DryRun: dryRun, Prune: prune}
			if err := a.confirmPrune(ctx, b, docs, options); err != nil {
				return err
			}
			plan, err := b.ApplyClients(ctx, docs, options)
			if err != nil {
				return err
			}
			o := a.output()
			err = o.object(plan, func() { showPlan(a.out, plan, a.colour(a.out)) })
			a.say("%s", planCount(plan))
			return err
		}),
	}
	f := cmd.Flags()
	f.StringArrayVarP(&paths, "file", "f", nil, "`file`, folder, or - for standard input; may be repeated")
	f.StringVar(&source, "source", client.DefaultSource, "name of this set of files")
	f.BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	f.BoolVar(&prune, "prune", false, "delete the clients of this source that the files no longer name")
	return cmd
}

// applyDocuments reads the files here, where they and the secrets that they name are.
func (a *app) applyDocuments(paths []string) ([]client.Document, error) {
	var files []client.File
	for _, path := range paths {
		if path != "-" {
			read, err := client.ReadPath(path)
			if err != nil {
				return nil, err
			}
			files = append(files, read...)
			continue
		}
		const most = 1 << 20
		text, err := io.ReadAll(io.LimitReader(a.in, most+1))
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		if len(text) > most {
			return nil, idp.Invalidf("", "Standard input has more than %d bytes. Split it.", most)
		}
		files = append(files, client.File{Name: "-", Data: text})
	}
	return client.ParseFiles(files, client.Resolver{ReadFile: os.ReadFile, LookupEnv: a.lookupEnv})
}

func (a *app) lookupEnv(name string) (string, bool) {
	for _, kv := range slices.Backward(a.env) {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// confirmPrune asks before clients are deleted, naming them.
func (a *app) confirmPrune(ctx context.Context, b *backend, docs []client.Document, options client.ApplyOptions) error {
	if !options.Prune || options.DryRun || a.flags.yes {
		return nil
	}
	options.DryRun = true
	plan, err := b.ApplyClients(ctx, docs, options)
	if err != nil {
		return err
	}
	var gone []string
	for _, item := range plan.Items {
		if item.Action == client.ActionDelete {
			gone = append(gone, item.ClientID)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return a.confirm(fmt.Sprintf("Delete %s? Sign-in through it stops at once, and its tokens are revoked.", strings.Join(gone, ", ")))
}

// showPlan prints a plan as a diff: a line for each client that is not as it was, and below it what differs.
func showPlan(w io.Writer, plan client.Plan, colour bool) {
	paint := func(code, text string) string {
		if !colour {
			return text
		}
		return "\x1b[" + code + "m" + text + "\x1b[0m"
	}
	for _, item := range plan.Items {
		id := printable(item.ClientID)
		switch item.Action {
		case client.ActionUnchanged:
			continue
		case client.ActionCreate:
			fmt.Fprintln(w, paint("32", "+ "+id))
		case client.ActionDelete:
			fmt.Fprintln(w, paint("31", "- "+id))
		default:
			fmt.Fprintln(w, paint("33", "~ "+id))
		}
		for _, c := range item.Changes {
			for _, line := range changeLines(c) {
				code := "32"
				if strings.HasPrefix(line, "    -") {
					code = "31"
				}
				fmt.Fprintln(w, paint(code, line))
			}
		}
	}
}

// changeLines shows one member: of a list what comes and goes, of anything else before and after.
func changeLines(c client.Change) []string {
	var from, to []string
	var lines []string
	if (c.From == "" || json.Unmarshal([]byte(c.From), &from) == nil) && (c.To == "" || json.Unmarshal([]byte(c.To), &to) == nil) {
		for _, v := range from {
			if !slices.Contains(to, v) {
				lines = append(lines, fmt.Sprintf("    - %s: %s", c.Field, printable(v)))
			}
		}
		for _, v := range to {
			if !slices.Contains(from, v) {
				lines = append(lines, fmt.Sprintf("    + %s: %s", c.Field, printable(v)))
			}
		}
		if lines != nil {
			return lines
		}
	}
	if c.From != "" {
		lines = append(lines, fmt.Sprintf("    - %s: %s", c.Field, printable(c.From)))
	}
	if c.To != "" {
		lines = append(lines, fmt.Sprintf("    + %s: %s", c.Field, printable(c.To)))
	}
	return lines
}

func planCount(plan client.Plan) string {
	n := map[client.Action]int{}
	for _, item := range plan.Items {
		n[item.Action]++
	}
	text := fmt.Sprintf("%d created, %d changed, %d deleted, %d unchanged.", n[client.ActionCreate], n[client.ActionUpdate], n[client.ActionDelete], n[client.ActionUnchanged])
	if plan.DryRun {
		text += " This was a dry run: nothing was changed."
	}
	return text
}
