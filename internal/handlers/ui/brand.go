package ui

import (
	"errors"
	"fmt"
	"strings"
)

// Brand is what an operator sets of the pages' look. Every field has a usable zero.
type Brand struct {
	Name       string // "Sign-in" when empty
	Accent     string // #rrggbb; shades that are readable in both colour schemes are made from it
	LogoURL    string // https address, or /static/… of the theme folder; empty for a letter in the accent colour
	PrivacyURL string
	TermsURL   string
	SupportURL string // https or mailto
}

// The look without any setting.
const (
	defaultName   = "Sign-in"
	defaultAccent = "#0e6b5e"
)

// The surfaces that the accent is read against; style.css has the same values.
const (
	surfaceLight = "#ffffff"
	surfaceDark  = "#1b1d1f"
	inkLight     = "#ffffff" // text on a dark accent
	inkDark      = "#101213" // text on a light accent
)

// withDefaults fills what is empty and returns every fault at once.
func (b Brand) withDefaults() (Brand, error) {
	var faults []error
	if strings.TrimSpace(b.Name) == "" {
		b.Name = defaultName
	}
	if b.Accent == "" {
		b.Accent = defaultAccent
	}
	if _, err := parseColour(b.Accent); err != nil {
		faults = append(faults, fmt.Errorf("brand accent: %w", err))
	}
	if b.LogoURL != "" && !strings.HasPrefix(b.LogoURL, "/") && !strings.HasPrefix(b.LogoURL, "https://") {
		faults = append(faults, fmt.Errorf("brand logo %q: write an https address, or a path that begins with a slash", b.LogoURL))
	}
	for _, link := range []struct{ name, url string }{{"privacy", b.PrivacyURL}, {"terms", b.TermsURL}, {"support", b.SupportURL}} {
		mail := link.name == "support" && strings.HasPrefix(link.url, "mailto:")
		if link.url != "" && !mail && webAddress(link.url) == "" {
			faults = append(faults, fmt.Errorf("brand %s link %q: write an address that begins with https://", link.name, link.url))
		}
	}
	return b, errors.Join(faults...)
}

// Initial returns the letter that stands for a missing logo.
func (b Brand) Initial() string { return initial(b.Name) }

// styleSheet returns the custom properties that the accent sets. It is a file and no style attribute, because the policy allows
// nothing inline.
func (b Brand) styleSheet() ([]byte, error) {
	accent, err := parseColour(b.Accent)
	if err != nil {
		return nil, fmt.Errorf("brand accent: %w", err)
	}
	light, dark := accent.readableOn(surfaceLight), accent.readableOn(surfaceDark)
	return fmt.Appendf(nil, `@layer brand {
  :root { --accent: %[1]s; --on-accent: %[2]s; }
  @supports (color: light-dark(#fff, #000)) {
    :root { --accent: light-dark(%[1]s, %[3]s); --on-accent: light-dark(%[2]s, %[4]s); }
  }
}
`, light, light.ink(), dark, dark.ink()), nil
}

// mark returns the icon of the browser tab: the brand's letter on its accent.
func (b Brand) mark() ([]byte, error) {
	accent, err := parseColour(b.Accent)
	if err != nil {
		return nil, fmt.Errorf("brand accent: %w", err)
	}
	accent = accent.readableOn(surfaceLight)
	letter := strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace(b.Initial())
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" rx="16" fill="%s"/>`+
		`<text x="32" y="45" text-anchor="middle" font-family="system-ui,sans-serif" font-size="38" font-weight="600" fill="%s">%s</text></svg>`,
		accent, accent.ink(), letter), nil
}
