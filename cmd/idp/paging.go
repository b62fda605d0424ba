package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"idp/internal/handlers/api"
	"idp/internal/handlers/api/apiclient"
)

const pageMost = 500 // of one request

// paging says which part of a list a person wants.
type paging struct {
	after string
	limit int
}

func (p *paging) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.after, "after", "", "begin behind this id")
	cmd.Flags().IntVar(&p.limit, "limit", 1000, "at most so many")
}

// readPages reads as many pages as it takes, and says if there is more.
func readPages[T any](ctx context.Context, a *app, p paging, list func(context.Context, apiclient.Page) (api.Page[T], error)) ([]T, error) {
	if p.limit < 1 {
		return nil, usagef("--limit is %d: one is the least", p.limit)
	}
	all, after := []T{}, p.after
	for {
		got, err := list(ctx, apiclient.Page{After: after, Limit: min(pageMost, p.limit-len(all))})
		if err != nil {
			return nil, err
		}
		all = append(all, got.Items...)
		after = got.Next
		if after == "" {
			return all, nil
		}
		if len(all) >= p.limit {
			a.say("There may be more: add --after %s, or a larger --limit.", after)
			return all, nil
		}
	}
}

func forceFlag(cmd *cobra.Command, force *bool) {
	cmd.Flags().BoolVar(force, "force", false, "change it although it is kept in files; the next apply undoes that")
}

// showAPIFindings prints what was found out about an object.
func (a *app) showAPIFindings(list []api.Finding) {
	for _, f := range list {
		fmt.Fprintf(a.out, "%-8s %s: %s\n", f.Level, f.Check, printable(f.Cause))
		if f.Mend != "" {
			fmt.Fprintf(a.out, "         -> %s\n", printable(f.Mend))
		}
	}
}

// completer lists what may stand as an argument, with a word about each.
type completer func(ctx context.Context, b *backend) ([]string, error)

const completionMost = 200

// complete completes arguments with what is there now. A person who presses the tab key reads no errors, so there are none.
func (a *app) complete(list completer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		var found []string
		err := a.online(func(ctx context.Context, b *backend, _ []string) (err error) {
			found, err = list(ctx, b)
			return err
		})(cmd, args)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

func completeClients(ctx context.Context, b *backend) ([]string, error) {
	p, err := b.Clients(ctx, apiclient.Page{Limit: completionMost})
	return completions(p.Items, func(c api.Client) (string, string) { return c.ID, c.Name }), err
}

func completeUsers(ctx context.Context, b *backend) ([]string, error) {
	p, err := b.Users(ctx, apiclient.Page{Limit: completionMost})
	return completions(p.Items, func(u api.User) (string, string) {
		switch {
		case u.Email != "":
			return u.Email, u.Profile.Name
		case u.Username != "":
			return u.Username, u.Profile.Name
		}
		return u.ID, ""
	}), err
}

func completeProviders(ctx context.Context, b *backend) ([]string, error) {
	list, err := b.Providers(ctx)
	return completions(list, func(p api.Provider) (string, string) { return p.ID, p.Name }), err
}

func completeSessions(ctx context.Context, b *backend) ([]string, error) {
	p, err := b.Sessions(ctx, apiclient.Page{Limit: completionMost})
	return completions(p.Items, func(s api.Session) (string, string) { return s.ID, s.UserAgent }), err
}

func completions[T any](list []T, word func(T) (word, about string)) []string {
	out := make([]string, len(list))
	for i, v := range list {
		w, about := word(v)
		out[i] = cobra.CompletionWithDesc(w, printable(about))
	}
	return out
}
