package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"idp/internal/idp"
)

// testApp returns an app that talks to buffers, with a format set.
func testApp(stdin, format string) (a *app, stdout, stderr *bytes.Buffer) {
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	a = newApp(nil, strings.NewReader(stdin), stdout, stderr)
	a.flags.output = format
	return a, stdout, stderr
}

func TestReport_ExitCodeFollowsTheKind(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		want int
	}{
		{nil, exitFine},
		{errors.New("disk full"), exitFailed},
		{idp.Invalidf("name", "the name is empty"), exitFailed},
		{fmt.Errorf("get client x: %w", idp.ErrNotFound), exitNotFound},
		{&idp.Error{Kind: idp.Conflict, Message: "taken"}, exitConflict},
		{fmt.Errorf("wrapped: %w", usagef("no such thing")), exitUsage},
	} {
		a, _, stderr := testApp("", formatTable)
		a.started = true
		if got := a.report(tc.err); got != tc.want {
			t.Errorf("%v: got %d, want %d", tc.err, got, tc.want)
		}
		if tc.err != nil && !strings.Contains(stderr.String(), tc.err.Error()) {
			t.Errorf("%v: stderr: got %q", tc.err, stderr)
		}
	}
	a, _, _ := testApp("", formatTable)
	if got := a.report(errors.New("unknown flag")); got != exitUsage {
		t.Errorf("before a command began: got %d, want %d", got, exitUsage)
	}
}

func TestNounFirst_VerbFirstIsUnderstood(t *testing.T) {
	t.Parallel()
	a, _, _ := testApp("", formatTable)
	root := newRootCmd(a)
	noun := &cobra.Command{Use: "client"}
	noun.AddCommand(&cobra.Command{Use: "create NAME", RunE: func(*cobra.Command, []string) error { return nil }})
	noun.AddCommand(&cobra.Command{Use: "rotate-secret ID", RunE: func(*cobra.Command, []string) error { return nil }})
	root.AddCommand(noun)
	a.frame(noun)
	for _, tc := range []struct{ args, want string }{
		{"create client x", "client create x"},
		{"create clients x", "clients create x"},
		{"-o json create client x", "-o json client create x"},
		{"--output=json -q create --yes client x", "--output=json -q client --yes create x"},
		{"--config f.yaml rotate-secret client x", "--config f.yaml client rotate-secret x"},
		{"client create create", "client create create"},
		{"config check", "config check"},
		{"create thing", "create thing"},
		{"frob client", "frob client"},
		{"create", "create"},
		{"-- create client", "-- create client"},
		{"version client", "version client"},
	} {
		got := strings.Join(nounFirst(root, strings.Fields(tc.args)), " ")
		if got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.args, got, tc.want)
		}
	}
}

func TestOutput_WritesOneResultInEachFormat(t *testing.T) {
	t.Parallel()
	type client struct {
		ID    string   `json:"client_id"`
		Name  string   `json:"client_name"`
		Count int      `json:"count"`
		URIs  []string `json:"redirect_uris"`
	}
	list := []client{{"c1", "a & <b>", 1, []string{"https://a"}}, {"c2", "", 2, nil}}
	for format, want := range map[string]string{
		formatTable: "ID   NAME\nc1   a & <b>\nc2   -\n",
		formatWide:  "ID   NAME\nc1   a & <b>\nc2   -\n",
		formatName:  "c1\nc2\n",
		formatYAML:  "- client_id: c1\n  client_name: a & <b>\n  count: 1\n  redirect_uris:\n    - https://a\n- client_id: c2\n  client_name: \"\"\n  count: 2\n  redirect_uris: null\n",
		formatJSON:  "[\n  {\n    \"client_id\": \"c1\",\n    \"client_name\": \"a & <b>\",\n    \"count\": 1,\n    \"redirect_uris\": [\n      \"https://a\"\n    ]\n  },\n",
	} {
		a, stdout, _ := testApp("", format)
		o := a.output()
		err := o.object(list, func() {
			o.table([]string{"ID", "NAME"}, [][]string{{list[0].ID, list[0].Name}, {list[1].ID, list[1].Name}})
		})
		if got := stdout.String(); err != nil || (got != want && format != formatJSON) || !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, %v, want %q", format, got, err, want)
		}
		if o.wide() != (format == formatWide) {
			t.Errorf("%s: wide: got %v", format, o.wide())
		}
	}
	a, stdout, _ := testApp("", formatTable)
	a.flags.quiet = true
	if err := a.output().object(list[0], nil); err != nil || stdout.String() != "c1\n" {
		t.Errorf("--quiet: got %q, %v, want the id", stdout, err)
	}
	a.say("word")
	if got := a.err.(*bytes.Buffer).String(); got != "" {
		t.Errorf("--quiet: stderr: got %q, want nothing", got)
	}
}

func TestTable_NamesOfStrangersCannotDriveTheTerminal(t *testing.T) {
	t.Parallel()
	a, stdout, _ := testApp("", formatTable)
	a.output().table([]string{"NAME"}, [][]string{{"\x1b[2Jgone\nrow\u202e"}})
	a.output().fields([2]string{"name", "\x1b]0;title\x07"}, [2]string{"empty", ""})
	if got := stdout.String(); strings.ContainsAny(got, "\x1b\x07\u202e") || strings.Count(got, "\n") != 3 {
		t.Errorf("got %q, want no control characters and three lines", got)
	}
}

func TestConfirm_WithoutATerminalNeedsYes(t *testing.T) {
	t.Parallel()
	a, _, _ := testApp("y\n", formatTable)
	var usage *usageError
	if err := a.confirm("Delete client x?"); !errors.As(err, &usage) {
		t.Errorf("got %v, want a usage error that names --yes", err)
	}
	a.flags.yes = true
	if err := a.confirm("Delete client x?"); err != nil {
		t.Errorf("--yes: got %v", err)
	}
}

func TestGetenv_LastOneWins(t *testing.T) {
	t.Parallel()
	a := newApp([]string{"A=1", "AB=2", "A=3"}, nil, nil, nil)
	if got := a.getenv("A") + a.getenv("AB") + a.getenv("C"); got != "32" {
		t.Errorf("got %q, want 32", got)
	}
	if a.now().IsZero() {
		t.Error("now: got the zero time")
	}
}

// Each command says in one line what it does, runs through RunE (or the frame would miss it), and has a manual page.
func TestCommands_AreFramed(t *testing.T) {
	t.Parallel()
	a, _, _ := testApp("", formatTable)
	root := newRootCmd(a)
	dir := t.TempDir()
	root.SetArgs([]string{"man", dir})
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := eachCommand(root, func(c *cobra.Command) error {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: Short: got %q, want a phrase without a full stop", c.CommandPath(), c.Short)
		}
		if c.RunE == nil || c.Run != nil {
			t.Errorf("%s: got no RunE, want one", c.CommandPath())
		}
		page, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(c.CommandPath(), " ", "-")+".1"))
		if err != nil || !bytes.HasPrefix(page, []byte(".TH ")) {
			t.Errorf("%s: manual page: %q, %v", c.CommandPath(), page, err)
		}
		for line := range strings.Lines(string(page)) {
			if macro := strings.Fields(line)[:min(1, len(strings.Fields(line)))]; strings.HasPrefix(line, ".") && !slices.Contains([]string{".TH", ".SH", ".B", ".TP", ".nf", ".fi"}, macro[0]) {
				t.Errorf("%s: manual page has the request %q", c.CommandPath(), line)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
