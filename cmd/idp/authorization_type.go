package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"idp/internal/handlers/api"
)

func newAuthorizationTypeCmd(a *app) *cobra.Command {
	cmd := a.withDatabase(&cobra.Command{
		Use:   "authorization-type",
		Short: "The types of authorization details that applications may ask for",
		Long: `The types of authorization details that applications may ask for (RFC 9396). A type has a JSON Schema that every detail of it fits; a client asks for it if its
authorization_details_types name it.` + onlineHelp,
	})
	cmd.AddCommand(newAuthorizationTypeApplyCmd(a), newAuthorizationTypeListCmd(a), newAuthorizationTypeDeleteCmd(a))
	return cmd
}

func newAuthorizationTypeApplyCmd(a *app) *cobra.Command {
	var file, title string
	cmd := &cobra.Command{
		Use:     "apply NAME",
		Short:   "Add a type, or replace the one of its name",
		Example: `  idp authorization-type apply payment_initiation --title "Start a payment" --schema payment.schema.json`,
		Args:    cobra.ExactArgs(1),
	}
	cmd.RunE = a.online(func(ctx context.Context, b *backend, args []string) error {
		in, err := a.openInput(file)
		if err != nil {
			return err
		}
		defer in.Close()
		schema, err := io.ReadAll(io.LimitReader(in, 1<<20))
		if err != nil {
			return err
		}
		if !json.Valid(schema) {
			return fmt.Errorf("read the schema: %s holds no JSON", file)
		}
		t, err := b.ApplyAuthorizationType(ctx, args[0], api.AuthorizationTypeData{Title: title, Schema: schema})
		if err != nil {
			return err
		}
		a.say("Applied the authorization type %s.", t.Name)
		o := a.output()
		return o.object(t, func() {
			o.fields([2]string{"name", t.Name}, [2]string{"title", t.Title}, [2]string{"changed", showTime(t.UpdatedAt)})
		})
	})
	f := cmd.Flags()
	f.StringVar(&file, "schema", "", "`file` that holds the JSON Schema; - is standard input")
	f.StringVar(&title, "title", "", "what people see on the consent page")
	must(cmd.MarkFlagRequired("schema"))
	return cmd
}

func newAuthorizationTypeListCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the types of authorization details",
		Args:  cobra.NoArgs,
		RunE: a.online(func(ctx context.Context, b *backend, _ []string) error {
			list, err := b.AuthorizationTypes(ctx)
			if err != nil {
				return err
			}
			rows := make([][]string, len(list.Items))
			for i, t := range list.Items {
				rows[i] = []string{t.Name, t.Title, showTime(t.UpdatedAt)}
			}
			o := a.output()
			return o.object(list.Items, func() { o.table([]string{"NAME", "TITLE", "CHANGED"}, rows) })
		}),
	}
}

func newAuthorizationTypeDeleteCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "delete NAME",
		Short: "Remove a type; what was granted stands",
		Args:  cobra.ExactArgs(1),
		RunE: a.online(func(ctx context.Context, b *backend, args []string) error {
			if err := a.confirm(fmt.Sprintf("Remove the authorization type %s? Nobody can ask for it any more.", args[0])); err != nil {
				return err
			}
			if err := b.DeleteAuthorizationType(ctx, args[0]); err != nil {
				return err
			}
			a.say("Removed the authorization type %s.", args[0])
			return nil
		}),
	}
}
