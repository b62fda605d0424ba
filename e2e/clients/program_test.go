package clients

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// talkLimit is how long a program may take for its next line: it may wait for its turn to poll, more than once.
const talkLimit = 60 * time.Second

// program is one that is written with a library and talks with its test: one JSON object a line, either way (node/asking.mjs).
type program struct {
	t     testing.TB
	name  string
	in    io.WriteCloser
	lines chan []byte // closed when it has ended
	log   *tail
}

// launch starts a program of node/ with its settings, and ends it with the test.
func launch(t testing.TB, script string, settings ...string) *program {
	t.Helper()
	p := &program{t: t, name: script, lines: make(chan []byte, 16), log: &tail{}}
	cmd := exec.Command(node(t), filepath.Join("node", script))
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, settings...)
	cmd.Stderr = p.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatalf("start %s: %v", script, err)
	}
	if p.in, err = cmd.StdinPipe(); err != nil {
		t.Fatalf("start %s: %v", script, err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", script, err)
	}
	go func() {
		defer close(p.lines)
		s := bufio.NewScanner(out)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			p.lines <- append([]byte(nil), s.Bytes()...)
		}
	}()
	t.Cleanup(func() {
		_ = p.in.Close()
		stuck := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		for range p.lines { // what nobody wanted to hear
		}
		_ = cmd.Wait() // how it ends says nothing: the test has spoken
		stuck.Stop()
	})
	return p
}

// tell writes to the program.
func (p *program) tell(what map[string]string) {
	p.t.Helper()
	if err := json.NewEncoder(p.in).Encode(what); err != nil {
		p.t.Fatalf("tell %s: %v\n%s", p.name, err, p.log)
	}
}

// said is what a program says.
type said map[string]any

func (s said) text(name string) string {
	text, _ := s[name].(string)
	return text
}

func (s said) object(name string) said {
	object, _ := s[name].(map[string]any)
	return object
}

func (s said) list(name string) (list []string) {
	values, _ := s[name].([]any)
	for _, v := range values {
		text, _ := v.(string)
		list = append(list, text)
	}
	return list
}

// hear returns what the program says next.
func (p *program) hear() said {
	p.t.Helper()
	limit := time.NewTimer(talkLimit)
	defer limit.Stop()
	select {
	case line, ok := <-p.lines:
		if !ok {
			p.t.Fatalf("%s ended and said nothing more\n%s", p.name, p.log)
		}
		var what said
		if err := json.Unmarshal(line, &what); err != nil {
			p.t.Fatalf("%s says %.600q: %v\n%s", p.name, line, err, p.log)
		}
		return what
	case <-limit.C:
		p.t.Fatalf("%s says nothing for %s\n%s", p.name, talkLimit, p.log)
		return nil
	}
}

// end returns the program's last word.
func (p *program) end() said {
	p.t.Helper()
	for {
		if what := p.hear(); what["done"] == true {
			return what
		}
	}
}

// landing is where a program without a web server of its own has browsers sent back to.
func landing(t testing.TB) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "You may close this window.") }))
	t.Cleanup(s.Close)
	return s.URL + "/callback"
}
