package ui

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestAccent_AnyColourIsReadable(t *testing.T) { // WCAG 2.2 §1.4.3
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	accents := []string{"#000000", "#ffffff", "#ffff00", "#00ff00", "#0000ff", "#ff0000", "#777777", defaultAccent}
	for range 2000 {
		accents = append(accents, fmt.Sprintf("#%06x", random.IntN(1<<24)))
	}
	for _, accent := range accents {
		c, err := parseColour(accent)
		if err != nil {
			t.Fatal(err)
		}
		for _, surface := range []string{surfaceLight, surfaceDark} {
			shade := c.readableOn(surface)
			s, err := parseColour(surface)
			if err != nil {
				t.Fatal(err)
			}
			if got := contrast(shade, s); got < contrastText {
				t.Errorf("%s on %s: got %.2f, want %.1f", accent, surface, got, contrastText)
			}
			ink, err := parseColour(shade.ink())
			if err != nil {
				t.Fatal(err)
			}
			if got := contrast(ink, shade); got < contrastText {
				t.Errorf("text on %s made of %s: got %.2f, want %.1f", shade, accent, got, contrastText)
			}
		}
	}
}

func TestBrand_EveryFaultIsNamed(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Brand: Brand{
		Accent: "teal;}body{display:none", LogoURL: "javascript:x", PrivacyURL: "data:x", TermsURL: "ftp://x", SupportURL: "javascript:x",
	}})
	for _, want := range []string{"accent", "logo", "privacy", "terms", "support"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a fault that names %s", err, want)
		}
	}
	if _, err := New(Config{Brand: Brand{SupportURL: "mailto:help@example.com", LogoURL: "/static/logo.svg"}}); err != nil {
		t.Errorf("a good brand: got %v, want no fault", err)
	}
}

func TestBrand_SurfacesAreThoseOfTheStyleSheet(t *testing.T) {
	t.Parallel()
	sheet, err := embedded.ReadFile("static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("--surface: light-dark(%s, %s)", surfaceLight, surfaceDark)
	if !strings.Contains(string(sheet), want) {
		t.Errorf("style.css: got no %q: the accent is made readable on other colours than those shown", want)
	}
}
