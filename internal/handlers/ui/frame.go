package ui

import (
	"errors"
	"fmt"
	"time"
)

// frame is what a template gets as its dot: the view model, and what every page needs around it. Its methods are the
// vocabulary of theme authors.
type frame struct {
	Lang  string
	Dir   string
	Brand Brand
	Dev   bool
	View  View
	Name  string

	ui    *UI
	state *state
	words *words
}

// frame puts the page into what surrounds it.
func (u *UI) frame(s *state, p Page) *frame {
	return &frame{
		Lang: p.Locale.Tag(), Dir: p.Locale.Dir(), Brand: s.brand, Dev: u.config.Dev, View: p.View, Name: p.Name(),
		ui: u, state: s, words: s.catalogue.words(p.Locale),
	}
}

// T returns the sentence with this id; its data follow as names and values. A template that asks for a sentence there is none of
// does not run.
func (f *frame) T(id string, pairs ...any) (string, error) {
	m := Message{ID: id}
	if len(pairs)%2 != 0 {
		return "", fmt.Errorf("sentence %s: a name without a value", id)
	}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return "", fmt.Errorf("sentence %s: name %d is no text", id, i/2+1)
		}
		if name == "Count" {
			if m.Count, ok = pairs[i+1].(int); !ok {
				return "", fmt.Errorf("sentence %s: Count is no whole number", id)
			}
			continue
		}
		if m.Data == nil {
			m.Data = map[string]any{}
		}
		m.Data[name] = pairs[i+1]
	}
	return sentence(f.words, m)
}

// Say returns a sentence that a handler chose. A faulty one becomes a general sentence, because an error page that fails helps
// nobody; a test proves that the ids of this package are all there.
func (f *frame) Say(m Message) (string, error) {
	if m.ID == "" {
		return "", errors.New("a message without id")
	}
	if wait, ok := m.Data["Wait"].(time.Duration); ok {
		text, err := f.Wait(wait)
		if err != nil {
			return "", err
		}
		m = Message{ID: m.ID, Data: map[string]any{"Wait": text}, Count: m.Count}
	}
	text, err := sentence(f.words, m)
	if err != nil {
		return f.T("problem.unknown")
	}
	return text, nil
}

// Wait returns a duration in words, rounded up: whole seconds below a minute and a half, then minutes, then hours.
func (f *frame) Wait(d time.Duration) (string, error) {
	up := func(unit time.Duration) int { return max(1, int((d+unit-1)/unit)) }
	switch {
	case d <= 90*time.Second && d != time.Minute:
		return f.T("wait.seconds", "Count", up(time.Second))
	case d <= 90*time.Minute:
		return f.T("wait.minutes", "Count", up(time.Minute))
	}
	return f.T("wait.hours", "Count", up(time.Hour))
}

// Path returns the address of a path of this server.
func (f *frame) Path(path string) string { return f.ui.config.BasePath + path }

// Asset returns the address of a static file, with the hash of its content.
func (f *frame) Asset(name string) (string, error) {
	a := f.state.assets.plain[name]
	if a == nil {
		return "", fmt.Errorf("no static file %q", name)
	}
	return f.ui.prefix + a.hashed, nil
}

// HasAsset reports whether there is a static file of this name; a theme's own style sheet is one that may be missing.
func (f *frame) HasAsset(name string) bool { return f.state.assets.plain[name] != nil }

// ScopeTitle returns what a scope lets an application do, in a few words.
func (f *frame) ScopeTitle(s Scope) (string, error) {
	if title, _, ok := scopeWords(s.Name); ok && s.Description == "" {
		return f.T(title)
	}
	if s.Description != "" {
		return isolate(s.Description, f.words.rtl), nil
	}
	return f.T("scope.other", "Scope", s.Name)
}

// ScopeDetail returns the second line of a scope.
func (f *frame) ScopeDetail(s Scope) (string, error) {
	if _, detail, ok := scopeWords(s.Name); ok && s.Description == "" {
		return f.T(detail)
	}
	return f.T("scope.other.detail", "Scope", s.Name)
}

// faulty is a view that may answer a form that was wrong.
type faulty interface{ faulty() bool }

// Faulty reports whether the page answers a form that was wrong, so that its title says so first.
func (f *frame) Faulty() bool {
	v, ok := f.View.(faulty)
	return ok && v.faulty()
}

// Wrong is a fault of one field, in words.
type Wrong struct{ Field, Text string }

// Wrong returns the fault of a field, nil where it has none.
func (f *frame) Wrong(field string) (*Wrong, error) {
	v, ok := f.View.(interface{ problems() Problems })
	if !ok {
		return nil, nil
	}
	p := v.problems().On(field)
	if p == nil {
		return nil, nil
	}
	text, err := f.Say(p.Message)
	return &Wrong{Field: field, Text: text}, err
}
