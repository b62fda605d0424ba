package main

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"idp/internal/audit"
	"idp/internal/handlers/api"
	"idp/internal/handlers/api/apiclient"
)

const auditPoll = time.Second

func newAuditCmd(a *app) *cobra.Command {
	cmd := a.withDatabase(&cobra.Command{
		Use:   "audit",
		Short: "The record of what people and operators did",
		Long:  "The record of what people and operators did. Each event was written in the transaction of the fact itself." + onlineHelp,
	})
	cmd.AddCommand(newAuditTailCmd(a), newAuditExportCmd(a))
	return cmd
}

// auditFilter says which events are wanted.
type auditFilter struct {
	since string
	user  string
	kind  string // a pattern: login.*
}

func (f *auditFilter) flags(a *app, cmd *cobra.Command, since string) {
	cmd.Flags().StringVar(&f.since, "since", since, "events from this time on: a duration before now, or a time such as 2026-11-23T12:00:00Z")
	cmd.Flags().StringVar(&f.kind, "type", "", "only events of this type, or of a pattern such as 'login.*'")
	userFlag(a, cmd, &f.user, "only events about this user")
	must(cmd.RegisterFlagCompletionFunc("type", cobra.FixedCompletions(eventPatterns(), cobra.ShellCompDirectiveNoFileComp)))
}

// eventPatterns lists the types of event, and for each noun the pattern of all of its types.
func eventPatterns() []string {
	var list []string
	for _, t := range audit.Types() {
		noun, _, _ := strings.Cut(string(t), ".")
		list = append(list, string(t), noun+".*")
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// checkEventType refuses a type that no event can have: what is looked for in vain looks as if it had never happened.
func checkEventType(pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil {
		return usagef("--type %q is no pattern: write a type such as login.failed, or login.*", pattern)
	}
	var near, nouns []string
	wantNoun, wantVerb, _ := strings.Cut(pattern, ".")
	for _, t := range audit.Types() {
		if ok, _ := path.Match(pattern, string(t)); ok {
			return nil
		}
		noun, verb, _ := strings.Cut(string(t), ".")
		if nouns = append(nouns, noun); noun == wantNoun || verb == wantNoun || verb == wantVerb {
			near = append(near, string(t))
		}
	}
	if len(near) == 0 {
		slices.Sort(nouns)
		return usagef("--type: no event has the type %s: write a type such as login.failed, or a noun and all that happens to it, such as login.*; the nouns are %s", pattern, strings.Join(slices.Compact(nouns), ", "))
	}
	return usagef("--type: no event has the type %s: did you mean %s?", pattern, strings.Join(near, " or "))
}

// query turns the filter into the API's question.
func (f *auditFilter) query(ctx context.Context, b *backend, now time.Time) (apiclient.AuditQuery, error) {
	q := apiclient.AuditQuery{Page: apiclient.Page{Limit: pageMost}}
	if f.kind != "" {
		if err := checkEventType(f.kind); err != nil {
			return q, err
		}
	}
	if f.since != "" {
		at, err := time.Parse(time.RFC3339, f.since)
		if err != nil {
			d, derr := readDuration(f.since)
			if derr != nil {
				return q, usagef("--since %q is neither a duration (90s, 10m, 24h, 30d) nor a time (2026-11-23T12:00:00Z)", f.since)
			}
			at = now.Add(-d)
		}
		q.Since = at
	}
	if f.user != "" {
		u, err := b.findUser(ctx, f.user)
		if err != nil {
			return q, err
		}
		q.UserID = u.ID
	}
	return q, nil
}

// read passes every event that fits to show, page by page, and returns the question for what comes after.
func (f *auditFilter) read(ctx context.Context, b *backend, q apiclient.AuditQuery, show func(api.AuditEvent) error) (apiclient.AuditQuery, error) {
	for {
		p, err := b.Audit(ctx, q)
		if err != nil {
			return q, err
		}
		for _, e := range p.Items {
			if ok, _ := path.Match(f.kind, e.Type); !ok && f.kind != "" {
				continue
			}
			if err := show(e); err != nil {
				return q, err
			}
		}
		if p.Cursor != "" { // without events so far, the same question is asked again
			q.After, q.Since = p.Cursor, time.Time{}
		}
		if len(p.Items) < q.Limit {
			return q, nil
		}
	}
}

func newAuditTailCmd(a *app) *cobra.Command {
	var f auditFilter
	var follow bool
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show what happened lately, and with --follow what happens now",
		Example: `  idp audit tail --since 15m
  idp audit tail --follow --type 'login.*'`,
		Args: cobra.NoArgs,
		RunE: a.online(func(ctx context.Context, b *backend, _ []string) error {
			q, err := f.query(ctx, b, a.now())
			if err != nil {
				return err
			}
			show := a.showEvent
			if a.flags.output == formatJSON {
				show = a.exportEvent // a stream has no end, so it is no JSON list
			}
			for {
				if q, err = f.read(ctx, b, q, show); err != nil || !follow {
					return err
				}
				timer := time.NewTimer(auditPoll)
				select {
				case <-ctx.Done():
					timer.Stop()
					return nil
				case <-timer.C:
				}
			}
		}),
	}
	f.flags(a, cmd, "1h")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until interrupted")
	return cmd
}

func newAuditExportCmd(a *app) *cobra.Command {
	var f auditFilter
	cmd := &cobra.Command{
		Use:     "export",
		Short:   "Write the record as NDJSON, one event a line, oldest first",
		Example: `  idp audit export --since 2026-11-01T00:00:00Z > november.ndjson`,
		Args:    cobra.NoArgs,
		RunE: a.online(func(ctx context.Context, b *backend, _ []string) error {
			q, err := f.query(ctx, b, a.now())
			if err != nil {
				return err
			}
			_, err = f.read(ctx, b, q, a.exportEvent)
			return err
		}),
	}
	f.flags(a, cmd, "")
	return cmd
}

func (a *app) exportEvent(e api.AuditEvent) error {
	return writeJSON(a.out, e, "")
}

// showEvent prints one event as a line for people.
func (a *app) showEvent(e api.AuditEvent) error {
	words := []string{showTime(e.At), e.Type}
	for _, w := range [][2]string{{"by", strings.TrimSpace(e.ActorKind + " " + e.ActorID)}, {"user", e.UserID}, {"client", e.ClientID}, {"session", e.SessionID}, {"from", e.Address}} {
		if w[1] != "" {
			words = append(words, w[0]+" "+w[1])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(e.Details)) {
		words = append(words, key+"="+e.Details[key])
	}
	_, err := fmt.Fprintln(a.out, printable(strings.Join(words, "  ")))
	return err
}
