package browser

import (
	"context"
	_ "embed" // for axe
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// axeSource is axe-core, the accessibility rules.
//
//go:embed testdata/axe/axe.min.js
var axeSource string

// patience is how long one action may take before the test fails. A loaded machine is slow to start a renderer.
const patience = 30 * time.Second

// Browser is one tab with its own cookies. It is used by one goroutine.
type Browser struct {
	t      testing.TB
	ctx    context.Context
	config config

	mu      sync.Mutex
	console []string
}

// config is what the options set.
type config struct {
	noScript      bool
	dark          bool
	reducedMotion bool
	forcedColours bool
	width, height int64
}

// Option changes how a tab looks at the world.
type Option func(*config)

// NoScript turns JavaScript of pages off.
func NoScript() Option { return func(c *config) { c.noScript = true } }

// Dark prefers the dark colour scheme.
func Dark() Option { return func(c *config) { c.dark = true } }

// ReducedMotion prefers less movement.
func ReducedMotion() Option { return func(c *config) { c.reducedMotion = true } }

// ForcedColours gives every page the few colours of the system, as people with high contrast have it.
func ForcedColours() Option { return func(c *config) { c.forcedColours = true } }

// Size sets the width and height of the window in CSS pixels; it is 1280 by 800 without.
func Size(width, height int) Option {
	return func(c *config) { c.width, c.height = int64(width), int64(height) }
}

// Find returns the path of Chromium, or the reason why there is none.
func Find() (string, error) {
	if named := os.Getenv("IDP_TEST_CHROMIUM"); named != "" {
		if _, err := os.Stat(named); err != nil {
			return "", fmt.Errorf("IDP_TEST_CHROMIUM: %w", err)
		}
		return named, nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no Chromium found: install the package chromium, or name the program in IDP_TEST_CHROMIUM")
}

// New starts a browser with one tab; both end with the test. Without a Chromium the test is skipped, or fails where CI is "true".
func New(t testing.TB, opts ...Option) *Browser {
	t.Helper()
	path, err := Find()
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatal(err)
	case err != nil:
		t.Skip(err)
	}
	c := settle(opts)
	// The list replaces chromedp's own: without the defaults it would open a window.
	flags := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	flags = append(
		flags, chromedp.ExecPath(path), chromedp.WindowSize(int(c.width), int(c.height)),
		// Nothing here may talk to the internet.
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("no-pings", true),
		chromedp.Flag("font-render-hinting", "none"), chromedp.Flag("hide-scrollbars", true),
	)
	if os.Geteuid() == 0 {
		flags = append(flags, chromedp.NoSandbox) // Chromium's sandbox refuses to run as root
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), flags...)
	t.Cleanup(stop)
	// Its complaints about what this chromedp does not know yet are noise.
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithLogf(t.Logf), chromedp.WithErrorf(func(string, ...any) {}))
	t.Cleanup(cancel)
	return open(t, ctx, c)
}

// Tab opens another tab in the same process, with cookies of its own. It is far cheaper than New.
func (b *Browser) Tab(t testing.TB, opts ...Option) *Browser {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	return open(t, ctx, settle(opts))
}

// settle applies the options to the defaults.
func settle(opts []Option) config {
	c := config{width: 1280, height: 800}
	for _, o := range opts {
		o(&c)
	}
	return c
}

// open starts the tab of ctx and makes it look at the world as c says.
func open(t testing.TB, ctx context.Context, c config) *Browser { //nolint:revive // testing.TB comes first everywhere here
	t.Helper()
	b := &Browser{t: t, ctx: ctx, config: c}
	// The first run binds the life of the tab to its context, so it has no limit of time.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatalf("listen to the console: %v", err)
	}
	b.run("open the tab", func(ctx context.Context) error {
		if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
			return fmt.Errorf("enable log: %w", err)
		}
		// Every tab believes it is in front, or :focus and autofocus depend on which one really is.
		_, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	})
	b.look()
	t.Cleanup(b.keepEvidence)
	return b
}

// Look changes how an open tab looks at the world, without loading the page again: scheme, width, script. Options not given go
// back to what they are without.
func (b *Browser) Look(opts ...Option) {
	b.t.Helper()
	b.config = settle(opts)
	b.look()
}

// look makes the tab obey its config.
func (b *Browser) look() {
	b.t.Helper()
	c, scheme, motion := b.config, "light", "no-preference"
	if c.dark {
		scheme = "dark"
	}
	if c.reducedMotion {
		motion = "reduce"
	}
	forced := "none"
	if c.forcedColours {
		forced = "active"
	}
	b.run("set up the tab", func(ctx context.Context) error {
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: motion}, {Name: "forced-colors", Value: forced},
		}}
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
			return fmt.Errorf("emulate media: %w", err)
		}
		size := emulation.SetDeviceMetricsOverrideParams{Width: c.width, Height: c.height, DeviceScaleFactor: 1}
		if _, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, size); err != nil {
			return fmt.Errorf("set size: %w", err)
		}
		headers := network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": "en"}}
		if _, err := chromedp.Call(ctx, network.SetExtraHTTPHeaders, headers); err != nil {
			return fmt.Errorf("set language: %w", err)
		}
		script := emulation.SetScriptExecutionDisabledParams{Value: c.noScript}
		if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, script); err != nil {
			return fmt.Errorf("switch scripts: %w", err)
		}
		return nil
	})
}

// run does one action within the patience, and fails the test when it does not work.
func (b *Browser) run(what string, action func(context.Context) error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := action(ctx); err != nil {
		b.t.Fatalf("%s: %v (at %s)", what, err, b.where())
	}
}

// where returns the address for a failure message, whatever state the tab is in.
func (b *Browser) where() string {
	ctx, cancel := context.WithTimeout(b.ctx, 2*time.Second)
	defer cancel()
	at, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		return "unknown address"
	}
	return at
}

// hear keeps what pages write to the console, where the browser reports refusals too.
func (b *Browser) hear(ev any) {
	var line string
	switch ev := ev.(type) {
	case *log.EventEntryAdded:
		line = fmt.Sprintf("%s %s: %s %s", ev.Entry.Source, ev.Entry.Level, ev.Entry.Text, ev.Entry.URL)
	case *runtime.EventExceptionThrown:
		line = "exception: " + ev.ExceptionDetails.Text
		if ev.ExceptionDetails.Exception != nil {
			line += " " + ev.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		line = "console " + string(ev.Type)
		for _, arg := range ev.Args {
			line += " " + string(arg.Value)
		}
	default:
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.console = append(b.console, line)
}

// keepEvidence writes a picture of what a failed test saw into the test's artifacts (go test -artifacts).
func (b *Browser) keepEvidence() {
	if !b.t.Failed() || b.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		return // the tab is gone: the failure itself says why
	}
	file := filepath.Join(b.t.ArtifactDir(), fmt.Sprintf("failed-%d.png", time.Now().UnixNano()))
	if err := os.WriteFile(file, picture, 0o600); err == nil {
		b.t.Logf("the page when the test failed: %s at %s", file, b.where())
	}
}

// Goto opens an address and waits until the page has loaded. It returns the status.
func (b *Browser) Goto(url string) int {
	b.t.Helper()
	b.mu.Lock()
	b.console = nil
	b.mu.Unlock()
	status := 0
	b.run("open "+url, func(ctx context.Context) error {
		response, err := chromedp.Run(ctx, chromedp.NavigateResponse(url))
		if err == nil && response != nil {
			status = int(response.Status)
		}
		return err
	})
	return status
}

// Fill replaces the content of a field by typing.
func (b *Browser) Fill(selector, text string) {
	b.t.Helper()
	b.run("fill "+selector, func(ctx context.Context) error {
		return chromedp.Do(ctx, chromedp.Clear(chromedp.CSS(selector)), chromedp.SendKeys(chromedp.CSS(selector), text))
	})
}

// Click clicks, and does not wait for what follows.
func (b *Browser) Click(selector string) {
	b.t.Helper()
	b.run("click "+selector, func(ctx context.Context) error { return chromedp.Do(ctx, chromedp.Click(chromedp.CSS(selector))) })
}

// Follow clicks and waits until the page it leads to has loaded. It returns the status of the first page that answered.
func (b *Browser) Follow(selector string) int {
	b.t.Helper()
	status := 0
	b.run("follow "+selector, func(ctx context.Context) error {
		response, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(selector)))
		if err == nil && response != nil {
			status = int(response.Status)
		}
		return err
	})
	return status
}

// WaitVisible waits until there is such an element and it can be seen; use it after an act that leads through several pages.
func (b *Browser) WaitVisible(selector string) {
	b.t.Helper()
	b.run("wait for "+selector, func(ctx context.Context) error {
		return chromedp.Do(ctx, chromedp.WaitVisible(chromedp.CSS(selector)))
	})
}

// WaitURL waits until the address begins with prefix.
func (b *Browser) WaitURL(prefix string) {
	b.t.Helper()
	b.run("wait for the address "+prefix, func(ctx context.Context) error {
		for {
			at, err := chromedp.Run(ctx, chromedp.Location())
			if err != nil && !strings.Contains(err.Error(), "navigated or closed") { // the question met the page on its way out
				return err
			}
			if err == nil && strings.HasPrefix(at, prefix) {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
}

// Text returns the visible text of an element, waiting until it is there.
func (b *Browser) Text(selector string) string {
	b.t.Helper()
	return evaluate[string](b, "read "+selector, chromedp.Text(chromedp.CSS(selector)))
}

// Value returns what a field holds, waiting until it is there.
func (b *Browser) Value(selector string) string {
	b.t.Helper()
	return evaluate[string](b, "read the value of "+selector, chromedp.Value(chromedp.CSS(selector)))
}

// URL returns the address.
func (b *Browser) URL() string {
	b.t.Helper()
	return evaluate[string](b, "read the address", chromedp.Location())
}

// Eval returns the value of an expression of JavaScript; it works on pages whose own scripts are off.
func Eval[T any](b *Browser, expression string) T {
	b.t.Helper()
	return evaluate[T](b, "evaluate "+expression, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// evaluate runs an action that has a value.
func evaluate[T any](b *Browser, what string, action chromedp.Action[T]) T {
	b.t.Helper()
	var value T
	b.run(what, func(ctx context.Context) (err error) {
		value, err = chromedp.Run(ctx, action)
		return err
	})
	return value
}

// Console returns what was written to the console since the last Goto, refusals by the content security policy included.
func (b *Browser) Console() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.console...)
}

// Screenshot writes a picture of the whole page.
func (b *Browser) Screenshot(path string) {
	b.t.Helper()
	picture := evaluate[[]byte](b, "take a picture", chromedp.FullScreenshot(100))
	if err := os.WriteFile(path, picture, 0o644); err != nil { //nolint:gosec // pictures are for everybody
		b.t.Fatalf("write the picture: %v", err)
	}
}

// Violation is a rule of accessibility that the page breaks.
type Violation struct {
	ID     string   `json:"id"`
	Impact string   `json:"impact"`
	Help   string   `json:"help"`
	Nodes  []string `json:"nodes"`
}

// Axe runs axe-core, best practices included, and returns what is wrong.
func (b *Browser) Axe() []Violation {
	b.t.Helper()
	if !Eval[bool](b, "typeof axe === 'object'") {
		evaluate[bool](b, "load axe", chromedp.Evaluate[bool](axeSource+"\n;true"))
	}
	return Eval[[]Violation](b, `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(v => ({
		id: v.id, impact: v.impact || "", help: v.help,
		nodes: v.nodes.map(n => n.target.join(" ") + ": " + n.failureSummary)})))`)
}
