package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"idp/internal/config"
	"idp/internal/logctx"
)

// reloading is what SIGHUP does to a server that runs: the settings are read again, the level of the log is taken from them, and the files of
// clients are applied. The other settings are built into what runs; a restart takes them up.
type reloading struct {
	server *server
	level  *slog.LevelVar
	load   func() (*config.Config, error)
	began  config.Config // the settings at the start
	hangup chan os.Signal
}

// catchHangup has SIGHUP kept for reloading from now on. A server on a terminal ends when that is closed, as people expect.
func (a *app) catchHangup() chan os.Signal {
	hangup := make(chan os.Signal, 1)
	if !isTerminal(a.in) {
		signal.Notify(hangup, syscall.SIGHUP)
	}
	return hangup
}

// run reloads at each SIGHUP until ctx ends.
func (r *reloading) run(ctx context.Context) {
	for {
		select {
		case <-r.hangup:
			r.once(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// once reloads. What cannot be used changes nothing.
func (r *reloading) once(ctx context.Context) {
	logger := r.server.logger
	next, err := r.load()
	if err == nil {
		err = r.server.applyFiles(ctx, next.Bootstrap.Dir)
	}
	if err != nil {
		logger.ErrorContext(ctx, "not reloaded: the settings before stay in force", slog.String("error", tell(err)))
		return
	}
	r.level.Set(logctx.LevelOf(next.Log.Level))
	waiting := slices.DeleteFunc(r.began.Changed(next), func(key string) bool { return key == "log.level" || key == "bootstrap.dir" })
	if len(waiting) > 0 {
		logger.WarnContext(ctx, "reloaded, but these settings wait for a restart", slog.Any("settings", waiting))
		return
	}
	logger.InfoContext(ctx, "reloaded")
}
