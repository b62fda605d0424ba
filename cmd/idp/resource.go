package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"idp/internal/handlers/api"
)

func newResourceCmd(a *app) *cobra.Command {
	cmd := a.withDatabase(&cobra.Command{
		Use:   "resource",
		Short: "The APIs and tool servers that access tokens are for",
		Long: `The APIs and tool servers that access tokens are for (protected resources, RFC 8707 and RFC 9728). This server publishes the metadata of each at
{issuer}/.well-known/oauth-protected-resource/ID.` + onlineHelp,
	})
	cmd.AddCommand(newResourceCreateCmd(a), newResourceListCmd(a), newResourceGetCmd(a), newResourceUpdateCmd(a), newResourceDeleteCmd(a))
	return cmd
}

// resourceFields are the flags of resource create and resource update.
func resourceFields() []field {
	return []field{
		{flag: "identifier", member: "resource", usage: "`address` that applications call; the aud of its access tokens"},
		{flag: "name", member: "resource_name", usage: "name that people see"},
		{flag: "scope", member: "scopes_supported", kind: fieldWords, usage: "`scopes` that may be asked of it"},
		{flag: "documentation", member: "resource_documentation", usage: "`address` of what developers read about it"},
		{flag: "policy-uri", member: "resource_policy_uri", usage: "`address` of what an application may do with its data"},
		{flag: "tos-uri", member: "resource_tos_uri", usage: "`address` of its terms of service"},
		{flag: "dpop-required", member: "dpop_bound_access_tokens_required", kind: fieldSwitch, usage: "it takes DPoP-bound access tokens only"},
	}
}

func newResourceCreateCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "create ID",
		Short:   "Add a protected resource",
		Example: `  idp resource create tools --identifier https://tools.example.com/mcp --name "Tools" --scope tools.read,tools.write`,
		Args:    cobra.ExactArgs(1),
	}
	cmd.RunE = a.online(func(ctx context.Context, b *backend, args []string) error {
		doc := map[string]any{"id": args[0]}
		if err := readFields(cmd, resourceFields(), doc); err != nil {
			return err
		}
		var n api.NewResource
		if err := through(doc, &n); err != nil {
			return err
		}
		r, err := b.CreateResource(ctx, n)
		if err != nil {
			return err
		}
		o := a.output()
		return o.object(r, func() { o.resource(r) })
	})
	addFields(cmd, resourceFields())
	return cmd
}

func (o *output) resource(r api.Resource) {
	o.fields(
		[2]string{"id", r.ID}, [2]string{"identifier", r.Identifier}, [2]string{"name", r.Name}, [2]string{"scopes", showList(r.Scopes)},
		[2]string{"metadata", r.MetadataURL}, [2]string{"documentation", r.Documentation}, [2]string{"DPoP only", showYes(r.DPoPRequired)},
		[2]string{"created", showTime(r.CreatedAt)}, [2]string{"changed", showTime(r.UpdatedAt)},
	)
}

func newResourceListCmd(a *app) *cobra.Command {
	var p paging
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the protected resources",
		Args:  cobra.NoArgs,
		RunE: a.online(func(ctx context.Context, b *backend, _ []string) error {
			list, err := readPages(ctx, a, p, b.Resources)
			if err != nil {
				return err
			}
			rows := make([][]string, len(list))
			for i, r := range list {
				rows[i] = []string{r.ID, r.Identifier, r.Name, showList(r.Scopes)}
			}
			o := a.output()
			return o.object(list, func() { o.table([]string{"ID", "IDENTIFIER", "NAME", "SCOPES"}, rows) })
		}),
	}
	p.flags(cmd)
	return cmd
}

func newResourceGetCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "get ID",
		Short: "Show one protected resource",
		Args:  cobra.ExactArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			r, err := b.Resource(ctx, args[0])
			if err != nil {
				return err
			}
			o := a.output()
			return o.object(r, func() { o.resource(r) })
		}),
	}
}

func newResourceUpdateCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "update ID",
		Short:   "Change a protected resource",
		Example: `  idp resource update tools --scope tools.read,tools.write,tools.admin`,
		Args:    cobra.ExactArgs(1),
	}
	cmd.RunE = a.online(func(ctx context.Context, b *backend, args []string) error {
		patch := map[string]any{}
		if err := readFields(cmd, resourceFields(), patch); err != nil {
			return err
		}
		if len(patch) == 0 {
			return usagef("nothing is to be changed: name at least one flag, `idp resource update --help` lists them")
		}
		r, err := b.UpdateResource(ctx, args[0], patch)
		if err != nil {
			return err
		}
		a.say("Changed the resource %s.", r.ID)
		o := a.output()
		return o.object(r, func() { o.resource(r) })
	})
	addFields(cmd, resourceFields())
	return cmd
}

func newResourceDeleteCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "delete ID",
		Short: "Remove a protected resource; access tokens for it are good until they expire",
		Args:  cobra.ExactArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			if err := a.confirm(fmt.Sprintf("Remove the resource %s? Nobody gets access tokens for it any more.", args[0])); err != nil {
				return err
			}
			if err := b.DeleteResource(ctx, args[0]); err != nil {
				return err
			}
			a.say("Removed the resource %s.", args[0])
			return nil
		}),
	}
}
