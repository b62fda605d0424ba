package ui

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"
)

// Locale is a language that there is a catalogue of. The zero value is English.
type Locale struct{ tag language.Tag }

// Tag returns the language in canonical BCP 47 spelling, as the lang attribute and ui_locales_supported have it.
func (l Locale) Tag() string {
	if l.tag == language.Und {
		return language.English.String()
	}
	return l.tag.String()
}

// Dir returns the direction of the script: "ltr" or "rtl".
func (l Locale) Dir() string {
	script, _ := l.tag.Script()
	switch script.String() {
	case "Arab", "Hebr", "Thaa", "Syrc", "Nkoo", "Adlm", "Rohg":
		return "rtl"
	}
	return "ltr"
}

// Bounds of what a browser may ask for: x/text parses each tag, and nobody reads fifty languages.
const (
	maxLanguageHeader = 512
	maxLanguageTags   = 16
)

// catalogue holds the sentences of every language.
type catalogue struct {
	tags      []language.Tag // English first: it is what an unknown wish gets
	matcher   language.Matcher
	languages map[string]*words
}

// words is one language's sentences. Those without data are kept as they are: go-i18n matches languages anew for each
// sentence, which took most of the time of a page.
type words struct {
	localizer *i18n.Localizer
	fixed     map[string]string
	rtl       bool
}

// strictParser makes a sentence that lacks its data an error and not "<no value>".
func strictParser() template.Parser { return &template.TextParser{Option: "missingkey=error"} }

// newCatalogue reads locales/*.json of every source; a later source adds languages and replaces sentences.
func newCatalogue(sources ...fs.FS) (*catalogue, error) {
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	fixed := map[language.Tag]map[string]string{language.English: {}}
	for _, source := range sources {
		files, err := fs.Glob(source, "locales/*.json")
		if err != nil {
			return nil, fmt.Errorf("list catalogues: %w", err)
		}
		for _, file := range files {
			body, err := fs.ReadFile(source, file)
			if err != nil {
				return nil, fmt.Errorf("read catalogue: %w", err)
			}
			tag, err := language.Parse(strings.TrimSuffix(path.Base(file), ".json"))
			if err != nil {
				return nil, fmt.Errorf("catalogue %s: the file name is no language tag: %w", file, err)
			}
			parsed, err := bundle.ParseMessageFileBytes(body, tag.String()+".json")
			if err != nil {
				return nil, fmt.Errorf("catalogue %s: %w", file, err)
			}
			if fixed[tag] == nil {
				fixed[tag] = map[string]string{}
			}
			for _, m := range parsed.Messages {
				if delete(fixed[tag], m.ID); m.One == "" && !strings.Contains(m.Other, "{{") {
					fixed[tag][m.ID] = m.Other
				}
			}
		}
	}
	c := &catalogue{tags: slices.Clone(bundle.LanguageTags()), languages: map[string]*words{}}
	slices.SortStableFunc(c.tags[1:], func(a, b language.Tag) int { return strings.Compare(a.String(), b.String()) })
	c.matcher = language.NewMatcher(c.tags)
	for _, t := range c.tags {
		c.languages[t.String()] = &words{localizer: i18n.NewLocalizer(bundle, t.String()), rtl: Locale{tag: t}.Dir() == "rtl", fixed: fixed[t]}
	}
	return c, nil
}

// match returns the language that fits best: the request's wish, then the browser's. A tag that is
// none, or that nothing fits, is passed over (OpenID Connect Core §3.1.2.1: ui_locales is never an error).
func (c *catalogue) match(uiLocales, acceptLanguage string) Locale {
	for _, wish := range [][]language.Tag{tagsOf(uiLocales), acceptedTags(acceptLanguage)} {
		if len(wish) == 0 {
			continue
		}
		if _, i, confidence := c.matcher.Match(wish...); confidence > language.No {
			return Locale{tag: c.tags[i]}
		}
	}
	return Locale{tag: c.tags[0]}
}

// tagsOf reads a space-separated list, dropping what is no tag.
func tagsOf(list string) []language.Tag {
	var tags []language.Tag
	for word := range strings.FieldsSeq(list[:min(len(list), maxLanguageHeader)]) {
		if t, err := language.Parse(word); err == nil && len(tags) < maxLanguageTags {
			tags = append(tags, t)
		}
	}
	return tags
}

// acceptedTags reads an Accept-Language header (RFC 9110 §12.5.4), nothing of one that is malformed.
func acceptedTags(header string) []language.Tag {
	tags, _, err := language.ParseAcceptLanguage(header[:min(len(header), maxLanguageHeader)])
	if err != nil {
		return nil
	}
	return tags[:min(len(tags), maxLanguageTags)]
}

// words returns the sentences of l, the English ones where l is unknown.
func (c *catalogue) words(l Locale) *words {
	if found := c.languages[l.Tag()]; found != nil {
		return found
	}
	return c.languages[language.English.String()]
}

// sentence returns m in the language of w, in English where that lacks it.
func sentence(w *words, m Message) (string, error) {
	if text, ok := w.fixed[m.ID]; ok {
		return text, nil
	}
	config := &i18n.LocalizeConfig{MessageID: m.ID, TemplateParser: strictParser()}
	if m.Count > 0 {
		config.PluralCount = m.Count
	}
	data := make(map[string]any, len(m.Data)+1)
	for k, v := range m.Data {
		if s, ok := v.(string); ok {
			v = isolate(s, w.rtl)
		}
		data[k] = v
	}
	data["Count"] = m.Count
	config.TemplateData = data
	text, err := w.localizer.Localize(config)
	if text == "" && err != nil {
		return "", fmt.Errorf("sentence %s: %w", m.ID, err)
	}
	return text, nil
}

// isolate keeps a name from outside from turning the sentence around it: an application called with a right-to-left override would
// otherwise reorder the words that follow it. Names that read in the direction of the sentence stay as they are.
func isolate(s string, rtl bool) string {
	clean := Plain(s)
	for _, r := range clean {
		if rtl || r >= 0x0590 && r <= 0x08ff || r >= 0xfb1d && r <= 0xfefc || r >= 0x10800 && r <= 0x1efff {
			return "\u2068" + clean + "\u2069"
		}
	}
	return clean
}

// Plain returns text from outside without the characters that turn a direction: an amount between two of them would read backwards, and a name as another.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) || r == 0x200e || r == 0x200f || r == 0x061c {
			return -1
		}
		return r
	}, s)
}
