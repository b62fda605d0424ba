package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"idp/internal/account"
	"idp/internal/client"
)

// prepare does, before the first request, what the configuration asks to be there: seeded users and clients, clients kept in files, a first
// administrator.
func (s *server) prepare(ctx context.Context) error {
	if s.config.SeedFile != "" {
		if err := s.seed(ctx, s.config.SeedFile); err != nil {
			return err
		}
	}
	if err := s.applyFiles(ctx, s.config.Bootstrap.Dir); err != nil {
		return err
	}
	return s.firstAdmin(ctx)
}

// applyFiles makes the clients be as the files of a folder say; an empty name is none.
func (s *server) applyFiles(ctx context.Context, folder string) error {
	if folder == "" {
		return nil
	}
	files, err := client.ReadPath(folder)
	if err != nil {
		return fmt.Errorf("bootstrap.dir: %w", err)
	}
	return s.apply(ctx, files, client.DefaultSource)
}

// seed makes the users and clients of a seed file (FL-21). The configuration has refused it on a public issuer.
func (s *server) seed(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("seed_file: %w", err)
	}
	defer func() { _ = f.Close() }()
	file, err := account.ReadSeedFile(f)
	if err != nil {
		return fmt.Errorf("seed_file %s: %w", path, err)
	}
	report, err := s.accounts.Seed(ctx, file.Users)
	if err != nil {
		return err
	}
	if len(file.Clients) > 0 {
		if err := s.apply(ctx, []client.File{{Name: path, Data: file.Clients}}, "seed"); err != nil {
			return err
		}
	}
	s.logger.InfoContext(ctx, "seeded", slog.Int("created", report.Created), slog.Int("updated", report.Updated), slog.Int("unchanged", report.Unchanged))
	return nil
}

// apply makes the clients be as the files say; nothing that the files do not name is touched.
func (s *server) apply(ctx context.Context, files []client.File, source string) error {
	docs, err := client.ParseFiles(files, client.Resolver{ReadFile: os.ReadFile, LookupEnv: s.app.lookupEnv})
	if err != nil {
		return err
	}
	plan, err := s.clients.Apply(ctx, docs, client.ApplyOptions{Source: source})
	if err != nil {
		return err
	}
	s.logger.InfoContext(ctx, "client files applied", slog.String("source", source), slog.Int("clients", len(docs)), slog.Int("steps", len(plan.Items)))
	return nil
}

// firstAdmin makes the administrator that the configuration names, or leaves a one-time token in a file that only the server's user can
// read, and says where. The token itself is in no log.
func (s *server) firstAdmin(ctx context.Context) error {
	b := s.config.Bootstrap
	if b.AdminEmail != "" {
		_, err := s.accounts.EnsureAdmin(ctx, b.AdminEmail, b.AdminPassword.Reveal())
		if err == nil {
			s.removeBootstrapToken(ctx)
		}
		return err
	}
	needed, err := s.accounts.NeedsBootstrap(ctx)
	if err != nil {
		return err
	}
	if !needed {
		s.removeBootstrapToken(ctx) // another replica's page may have spent it
		return nil
	}
	if s.config.Dev {
		return nil
	}
	path, err := s.writeBootstrapToken(ctx)
	if err != nil {
		return err
	}
	s.logger.WarnContext(ctx, "there is no administrator yet: open the address that is in the file", slog.String("file", path), slog.String("page", s.config.Issuer+"/setup"))
	return nil
}
