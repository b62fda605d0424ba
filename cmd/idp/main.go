package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first signal ends in order; a second one ends at once
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// commands lists what idp can do, in the order of the help text. A new noun is one line here and one file.
func commands(a *app) []*cobra.Command {
	return []*cobra.Command{
		newServeCmd(a),
		newClientCmd(a),
		newUserCmd(a),
		newSessionCmd(a),
		newProviderCmd(a),
		newResourceCmd(a),
		newAuthorizationTypeCmd(a),
		newKeyCmd(a),
		newAuditCmd(a),
		newTraceCmd(a),
		newDoctorCmd(a),
		newAdminCmd(a),
		newMigrateCmd(a),
		newHashCmd(a),
		newConfigCmd(a),
		newHealthcheckCmd(a),
		newCompletionCmd(a),
		newManCmd(a),
		newVersionCmd(a),
	}
}

// run is the whole program. It returns the exit code; what it prints goes to stdout and stderr.
func run(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := newApp(env, stdin, stdout, stderr)
	root := newRootCmd(a)
	root.SetArgs(nounFirst(root, args))
	return a.report(root.ExecuteContext(ctx))
}
