package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"idp/internal/account"
	"idp/internal/audit"
	"idp/internal/auth"
	"idp/internal/client"
	"idp/internal/clientkeys"
	"idp/internal/config"
	"idp/internal/directory"
	"idp/internal/idp"
	"idp/internal/keys"
	"idp/internal/logctx"
	"idp/internal/outbound"
	"idp/internal/provider"
	"idp/internal/registration"
	"idp/internal/secret"
	"idp/internal/session"
	"idp/internal/store"
	"idp/internal/store/sqldb"
	"idp/internal/subject"
	"idp/internal/throttle"
	"idp/internal/upstream"
)

// services is everything below the protocol and the pages: what the server and the commands that work on its database share.
type services struct {
	config  *config.Config
	logger  *slog.Logger
	engine  sqldb.Engine
	store   *store.Store
	keyring *secret.Keyring
	passwords
	audit    *audit.Log
	throttle *throttle.Throttle
	sessions *session.Manager
	accounts *account.Service
	clients  *client.Service
	keys     *keys.Manager
	directories
	providers *provider.Service
	upstream  *upstream.Registry
	outbound  *outbound.Client
	keysOf    *clientkeys.Keys
	subjects  *subject.Names
	contexts  idp.AuthenticationContexts
	ways      *auth.Ways
}

// passwords is what hashes passwords and judges new ones.
type passwords struct {
	hasher   *secret.Hasher
	policy   secret.Policy
	breached *secret.Breached
}

// directories is what requests look up from memory.
type directories struct {
	watcher     *directory.Watcher // somebody must call Run, or the others never forget
	clientDir   *directory.Clients
	resources   *directory.Resources
	providerDir *directory.Providers
}

// openOptions says what differs between the server and a command beside it.
type openOptions struct {
	logger  *slog.Logger
	server  bool // requests are answered beside the hashing of passwords
	migrate bool // create the database and bring it up to date; otherwise one that is not up to date is refused
}

// openServices opens the database and builds the services over it, each from those above it. Close what it returns.
func openServices(ctx context.Context, c *config.Config, o openOptions) (_ *services, err error) {
	s := &services{config: c, logger: o.logger, contexts: c.Contexts()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.openStore(ctx, o.migrate); err != nil {
		return nil, err
	}
	if s.passwords, err = openPasswords(c, o.server); err != nil {
		return nil, err
	}
	s.audit = audit.New(audit.Config{Store: s.store, Logger: o.logger})
	s.throttle = throttle.New(throttle.Config{
		Store: s.store, Keyring: s.keyring, Logger: o.logger,
		PerAccount: throttle.Limits{Failures: c.Throttle.PerAccount, Window: c.Throttle.Window, MaxDelay: c.Throttle.MaxDelay},
		PerAddress: throttle.Limits{Failures: c.Throttle.PerAddress, Window: c.Throttle.Window, MaxDelay: c.Throttle.MaxDelay},
	})
	s.sessions = session.New(session.Config{
		Store: s.store, Keyring: s.keyring, Audit: s.audit, Issuer: c.Issuer, Logger: o.logger,
		Idle: c.Session.Idle, Max: c.Session.Max, Remember: c.Session.Remember, Protection: session.Protection(c.Session.Protection),
	})
	s.accounts = account.New(account.Config{
		Store: s.store, Keyring: s.keyring, Hasher: s.hasher, Policy: s.policy, Breached: s.breached, Audit: s.audit, Sessions: s.sessions,
		Logger: o.logger, Brand: c.Brand.Name,
		Registration: account.Registration{
			Open: c.Registration == "open", Throttle: s.throttle, PerAddress: c.Throttle.Registrations, Total: c.Throttle.RegistrationsTotal,
		},
	})
	ours := keys.Config{
		Store: s.store, Keyring: s.keyring, Logger: o.logger,
		RotateEvery: c.Keys.RotateEvery, PublishBefore: c.Keys.PublishBefore, MaxTokenLife: idp.MaxTokenTTL.Duration(),
	}
	if !c.SQLite() || !o.server { // other processes keep these keys in memory: replicas, or the server that a command works beside
		ours.Heard = 2 * directory.PollEvery
	}
	if s.keys, err = keys.New(ctx, ours); err != nil {
		return nil, err
	}
	if s.subjects, err = subject.New(ctx, s.store, s.keyring); err != nil {
		return nil, err
	}
	if s.outbound, err = outbound.New(outboundConfig(c)); err != nil {
		return nil, err
	}
	s.clients, err = client.New(client.Config{
		Store: s.store, Keyring: s.keyring, Audit: s.audit, Issuer: c.Issuer, Logger: o.logger, Outbound: s.outbound, EnsureKeys: s.keys.Ensure,
		Contexts: s.contexts,
	})
	if err != nil {
		return nil, err
	}
	s.directories = newDirectories(c, s.store, s.keyring, o.logger)
	s.ways = &auth.Ways{Store: s.store, Providers: s.providerDir.Enabled}
	s.upstream = upstream.New(upstream.Config{Logger: o.logger})
	s.providers, err = provider.New(provider.Config{Store: s.store, Keyring: s.keyring, Audit: s.audit, Upstream: s.upstream, Contexts: s.contexts})
	if err != nil {
		return nil, err
	}
	s.keysOf = clientkeys.New(clientkeys.Config{Outbound: s.outbound, Logger: o.logger})
	return s, nil
}

// openStore opens the database, brings it up to date or refuses it, and reads the key ring that opens what is sealed in it.
func (s *services) openStore(ctx context.Context, migrate bool) error {
	engine, err := openDatabase(ctx, s.config, migrate)
	if err != nil {
		return err // s.engine stays nil: there is nothing to close
	}
	s.engine, s.store = engine, store.New(engine)
	if err := answers(ctx, s.engine); err != nil {
		return err
	}
	if err := s.schema(ctx, migrate); err != nil {
		return err
	}
	if err := s.refuseNewRing(ctx); err != nil {
		return err
	}
	s.keyring, err = loadKeyring(s.config, s.logger)
	return err
}

// openPasswords builds what passwords need. server says that requests are answered beside the hashing.
func openPasswords(c *config.Config, server bool) (p passwords, err error) {
	hashing := hasherConfig(c)
	hashing.SpareProcessor = server
	if p.hasher, err = secret.NewHasher(hashing); err != nil {
		return p, err
	}
	p.policy = secret.Policy{MinLength: c.Password.MinLength}
	mode := secret.BreachedMode(c.Password.Breached)
	if c.Password.Breached == "off" {
		mode = secret.BreachedOff
	}
	p.breached, err = secret.NewBreached(secret.BreachedConfig{Mode: mode, File: c.Password.BreachedFile, URL: c.Password.BreachedURL})
	return p, err
}

func newDirectories(c *config.Config, db *store.Store, ring *secret.Keyring, logger *slog.Logger) directories {
	w := directory.NewWatcher(db, logger)
	refused := registration.Refused(registration.Trust(c.ClientDocuments.Trust), c.ClientDocuments.Hosts)
	return directories{
		watcher: w, clientDir: directory.NewClients(db, w, refused), resources: directory.NewResources(db, w), providerDir: directory.NewProviders(db, ring, w, logger),
	}
}

// Close closes the database.
func (s *services) Close() error {
	if s.engine == nil {
		return nil
	}
	return s.engine.Close()
}

// schema brings the database up to date, or refuses one that is not.
func (s *services) schema(ctx context.Context, migrate bool) error {
	if s.store.UpToDate(ctx) {
		return nil
	}
	if migrate {
		applied, err := s.store.Migrate(ctx)
		if len(applied) > 0 {
			s.logger.InfoContext(ctx, "database migrated", slog.Any("migrations", applied))
		}
		return orNewer(err)
	}
	missing, err := pending(ctx, s.store)
	if err != nil {
		return orNewer(err)
	}
	if len(missing) > 0 {
		return fmt.Errorf("the database is not up to date, it lacks %s: run `idp migrate up`, or start the server, which does it", strings.Join(missing, ", "))
	}
	return nil
}

func outboundConfig(c *config.Config) outbound.Config {
	out := outbound.Config{Allow: c.Outbound.Allow, CAFile: c.Outbound.CAFile}
	if c.Dev {
		out.Allow = append(slices.Clone(out.Allow), "127.0.0.0/8", "::1") // where the applications of a developer run
	}
	return out
}

func hasherConfig(c *config.Config) secret.HasherConfig {
	p := c.Password
	return secret.HasherConfig{
		Params:    secret.Params{MemoryKiB: uint32(p.Memory >> 10), Iterations: uint32(p.Iterations), Parallelism: uint8(p.Parallelism)},
		Algorithm: p.Algorithm, BcryptCost: p.BcryptCost, MemoryBudget: int64(p.HashMemoryBudget), Queue: p.Queue,
	}
}

// commandLogger is for commands: people read their answers, so only what is wrong is logged.
func (a *app) commandLogger() *slog.Logger {
	return logctx.New(logctx.Options{Output: a.err, Level: "warn", Format: "text"})
}
