package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"idp/internal/store"
)

func newMigrateCmd(a *app) *cobra.Command {
	cmd := a.withDatabase(&cobra.Command{
		Use:   "migrate",
		Short: "Bring the database up to date",
		Long:  "Bring the database up to date. The server does this at its start; do it by hand to know when it happens.",
	})
	cmd.AddCommand(
		&cobra.Command{
			Use:   "up",
			Short: "Apply what the database lacks, and create it if need be",
			Example: `  idp migrate up
  idp migrate up --database-url postgres://idp@db.example.com/idp`,
			Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return a.migrateUp(cmd) },
		},
		&cobra.Command{
			Use:   "status",
			Short: "List the migrations that this program knows, and when each was applied",
			Args:  cobra.NoArgs,
			RunE:  func(cmd *cobra.Command, _ []string) error { return a.migrateStatus(cmd) },
		},
	)
	return cmd
}

func (a *app) migrateUp(cmd *cobra.Command) (err error) {
	c, err := a.loadConfig(cmd)
	if err != nil {
		return err
	}
	db, err := openDatabase(cmd.Context(), c, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := answers(cmd.Context(), db); err != nil {
		return err
	}
	applied, err := store.New(db).Migrate(cmd.Context())
	for _, name := range applied {
		a.say("Applied %s.", name)
	}
	if err == nil && len(applied) == 0 {
		a.say("The database is up to date.")
	}
	return orNewer(err)
}

type migration struct {
	Name      string     `json:"name"`
	AppliedAt *time.Time `json:"applied_at"` // null: pending
}

func (a *app) migrateStatus(cmd *cobra.Command) (err error) {
	c, err := a.loadConfig(cmd)
	if err != nil {
		return err
	}
	db, err := openDatabase(cmd.Context(), c, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := answers(cmd.Context(), db); err != nil {
		return err
	}
	states, err := store.New(db).MigrationStatus(cmd.Context())
	if len(states) == 0 {
		return err
	}
	list, rows := make([]migration, len(states)), make([][]string, len(states))
	for i, s := range states {
		list[i].Name = s.Name
		rows[i] = []string{s.Name, "pending"}
		if !s.AppliedAt.IsZero() {
			at := s.AppliedAt.UTC()
			list[i].AppliedAt, rows[i][1] = &at, showTime(at)
		}
	}
	o := a.output()
	return errors.Join(o.object(list, func() { o.table([]string{"MIGRATION", "APPLIED"}, rows) }), orNewer(err))
}
