package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"idp/internal/config"
	"idp/internal/crossdevice"
	"idp/internal/handlers"
	"idp/internal/idp"
	"idp/internal/jobs"
	"idp/internal/logctx"
	"idp/internal/oauth"
	"idp/internal/store"
	"idp/internal/trace"
)

func newServeCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the identity provider",
		Long: `Run the identity provider until it is told to stop (SIGINT or SIGTERM).
SIGHUP makes it read the settings again: log.level and the files of
bootstrap.dir take effect at once, the log says what waits for a restart.

With nothing configured it keeps its data in ./idp-data, on an embedded SQLite
database, and answers at http://localhost:8080. With --dev it also makes a demo
user and runs a sample application, and prints how to sign in.

Flags are for this process alone. The other commands (idp client create, idp
doctor) read idp.yaml and the environment: that is the place of the issuer.`,
		Example: `  idp serve --dev
  IDP_ISSUER=https://login.example.com idp serve
  IDP_DATABASE_URL_FILE=/run/secrets/database-url idp serve`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.loadConfig(cmd)
			if err != nil {
				return err
			}
			return a.serve(cmd.Context(), c, func() (*config.Config, error) { return a.loadConfig(cmd) })
		},
	}
	return a.withConfig(cmd)
}

// server is everything that runs.
type server struct {
	*services
	app      *app
	traces   *trace.Recorder
	protocol *oauth.Provider
	across   *crossdevice.Service
	public   http.Handler
	ops      http.Handler
	health   *handlers.Health
	late     newcomers
}

// serve runs until ctx ends, and then stops in order: not ready, no new requests, what is written behind the requests, the database.
func (a *app) serve(ctx context.Context, c *config.Config, load func() (*config.Config, error)) (err error) {
	again := reloading{load: load, began: *c, level: new(slog.LevelVar), hangup: a.catchHangup()}
	defer signal.Stop(again.hangup)
	if a.getenv("GOGC") == "" {
		// The live heap is a few megabytes, so collecting it a fourth as often costs little memory and saves a tenth of the time.
		debug.SetGCPercent(garbagePercent)
	}
	var lines io.Writer = a.err
	if !isTerminal(a.err) {
		buffer := logctx.NewBuffer(a.err)
		defer buffer.Close()
		lines = buffer
	}
	logger := logctx.New(logctx.Options{Output: lines, Level: c.Log.Level, Adjust: again.level, Format: c.Log.Format, TTY: isTerminal(a.err)})
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("%w: stop the program that has this address, or choose another one with --listen", err)
	}
	defer func() { _ = listener.Close() }()
	c.Issuer = c.IssuerAt(listener.Addr())
	if c.SQLite() {
		if err := makeDataDir(c); err != nil {
			return err
		}
		unlock, err := lockDataDir(filepath.Dir(sqlitePath(c)))
		if err != nil {
			return err
		}
		defer unlock()
	}
	s, err := a.build(ctx, c, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.prepare(ctx); err != nil {
		return err
	}

	// The background outlives the requests: what they left behind is written last.
	behind, stopBehind := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	s.runBehind(behind, &background)
	defer func() { stopBehind(); background.Wait() }()
	again.server = s
	background.Go(func() { again.run(behind) })

	front, err := s.listenAll(c, listener)
	if err != nil {
		return err
	}
	return s.runFront(ctx, front)
}

// build assembles the program: the one place where everything meets.
func (a *app) build(ctx context.Context, c *config.Config, logger *slog.Logger) (_ *server, err error) {
	base, err := openServices(ctx, c, openOptions{logger: logger, server: true, migrate: true})
	if err != nil {
		return nil, err
	}
	s := &server{services: base, app: a}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	s.traces = trace.New(trace.Config{Store: s.store, Logger: logger, Retention: c.Trace.Retention})
	if err := s.buildFront(); err != nil {
		return nil, err
	}
	s.watcher.Subscribe(store.TopicKeys, s.keys.Reload)
	for _, topic := range []string{store.TopicResources, store.TopicAuthorizationTypes} {
		s.watcher.Subscribe(topic, s.protocol.ReloadDiscovery)
	}
	return s, nil
}

// giveBack returns the memory to the system that only the start needed: with a collector as patient as ours it would be kept for ever.
func giveBack(ctx context.Context) {
	select {
	case <-time.After(time.Second):
		debug.FreeOSMemory()
	case <-ctx.Done():
	}
}

// runBehind starts what works behind the requests.
func (s *server) runBehind(ctx context.Context, running *sync.WaitGroup) {
	running.Go(func() { s.watcher.Run(ctx) })
	running.Go(func() { giveBack(ctx) })
	running.Go(func() { s.traces.Run(ctx) })
	running.Go(func() { s.sessions.Run(ctx) })
	lease := &jobs.Lease{Store: s.store, Holder: idp.NewID()}
	running.Go(func() {
		jobs.Run(ctx, []jobs.Job{
			jobs.Purge(jobs.PurgeConfig{Store: s.store, Lease: lease, Logger: s.logger, AuditRetention: s.config.Audit.Retention}),
			jobs.Tend(jobs.TendConfig{Name: "sweep_clients", Count: "clients_swept", Lease: lease, Logger: s.logger, Do: s.sweepClients}),
			jobs.Tend(jobs.TendConfig{Name: "rotate_keys", Count: "keys_made", Lease: lease, Logger: s.logger, Do: s.keys.RotateDue}),
			// The person has put the telephone down and looks at the other screen.
			jobs.SendNotices(jobs.NoticesConfig{Name: "send_pings", Every: time.Second, Logger: s.logger, Send: s.across.SendPings}),
			// An application hears of a disabled user within five seconds (FS-46).
			jobs.SendNotices(jobs.NoticesConfig{Name: "send_logouts", Every: 2 * time.Second, Logger: s.logger, Send: s.protocol.SendLogouts}),
		})
	})
}

// listening is one HTTP server with its listener.
type listening struct {
	*http.Server
	listener net.Listener
	socket   net.Listener // what listener is underneath
}

const garbagePercent = 400

// Bounds on what a connection may take its time over.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second // a queued password hash is in here
	idleTimeout       = 2 * time.Minute
)

func (s *server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ConnState: s.late.follow, MaxHeaderBytes: int(s.config.Limits.Header), ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
}

// listenAll pairs the listeners with their servers: the public one, the operator's, and in development the sample application's.
func (s *server) listenAll(c *config.Config, public net.Listener) ([]listening, error) {
	secured, err := secure(c, public, s.logger)
	if err != nil {
		return nil, err
	}
	front := []listening{{s.httpServer(s.public), secured, public}}
	if c.OpsListen != "" {
		l, err := net.Listen("tcp", c.OpsListen)
		if err != nil {
			return nil, fmt.Errorf("for metrics and health: %w: choose another address with --ops-listen, or \"off\" for none", err)
		}
		front = append(front, listening{s.httpServer(s.ops), l, l})
	}
	if c.Dev {
		sample, err := s.sample(c)
		if err != nil {
			return nil, err
		}
		front = append(front, sample)
	}
	return front, nil
}

// runFront serves until ctx ends, then drains: readiness says no at once, load balancers get time to notice, whoever came last is heard, requests get
// time to end.
func (s *server) runFront(ctx context.Context, front []listening) error {
	failed := make(chan error, len(front))
	for _, l := range front {
		go func() {
			if err := l.Serve(l.listener); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		}()
	}
	s.logger.InfoContext(ctx, "ready", slog.String("issuer", s.config.Issuer), slog.String("listen", front[0].listener.Addr().String()),
		slog.String("database", s.engine.Name()), slog.Bool("dev", s.config.Dev))
	if err := s.app.notify(notifyReady); err != nil {
		s.logger.WarnContext(ctx, "cannot tell the service manager", slog.Any("error", err))
	}
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	s.health.Drain()
	s.late.watched.Store(true)
	if nerr := s.app.notify(notifyStopping); nerr != nil {
		s.logger.WarnContext(ctx, "cannot tell the service manager", slog.Any("error", nerr))
	}
	s.logger.Info("stopping", slog.String("delay", s.config.ShutdownDelay.String()), slog.String("grace", s.config.ShutdownGrace.String()))
	if err == nil && s.config.ShutdownDelay > 0 {
		time.Sleep(s.config.ShutdownDelay)
	}
	for _, l := range front {
		closeGate(l.socket, newcomersWait)
		_ = l.listener.Close() // Serve tells nobody any more
	}
	s.late.wait()
	end, cancel := context.WithTimeout(context.Background(), s.config.ShutdownGrace)
	defer cancel()
	for _, l := range front {
		if serr := l.Shutdown(end); serr != nil {
			s.logger.Warn("requests were cut off", slog.Any("error", serr))
			_ = l.Close()
		}
	}
	return err
}

// tell prints for the person who started the server; it is not the log.
func (s *server) tell(format string, args ...any) { fmt.Fprintf(s.app.out, format, args...) }
