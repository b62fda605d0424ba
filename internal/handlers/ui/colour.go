package ui

import (
	"fmt"
	"math"
	"strconv"
)

// contrastText is the ratio that WCAG 2.2 §1.4.3 asks of text.
const contrastText = 4.5

// colour is an sRGB colour, each part from 0 to 1.
type colour struct{ r, g, b float64 }

// parseColour reads #rrggbb.
func parseColour(s string) (colour, error) {
	if len(s) != 7 || s[0] != '#' {
		return colour{}, fmt.Errorf("%q is no colour: write it as #rrggbb", s)
	}
	n, err := strconv.ParseUint(s[1:], 16, 32)
	if err != nil {
		return colour{}, fmt.Errorf("%q is no colour: write it as #rrggbb", s)
	}
	return colour{float64(n>>16&255) / 255, float64(n>>8&255) / 255, float64(n&255) / 255}, nil
}

// String returns #rrggbb.
func (c colour) String() string {
	part := func(v float64) int { return int(math.Round(v * 255)) }
	return fmt.Sprintf("#%02x%02x%02x", part(c.r), part(c.g), part(c.b))
}

// luminance is WCAG's relative luminance.
func (c colour) luminance() float64 {
	linear := func(v float64) float64 {
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.r) + 0.7152*linear(c.g) + 0.0722*linear(c.b)
}

// contrast returns the ratio between two colours, from 1 to 21.
func contrast(a, b colour) float64 {
	la, lb := a.luminance(), b.luminance()
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// readableOn returns c, darkened or lightened just as far as text of it on the surface, and on the tints of the surface, stays
// readable.
func (c colour) readableOn(surface string) colour {
	s, err := parseColour(surface)
	if err != nil {
		return c
	}
	end := colour{1, 1, 1}
	if s.luminance() > 0.5 {
		end = colour{}
	}
	const margin = 0.7 // the tints behind notices and hovers are a little nearer to the accent than the surface
	for step := range 101 {
		m := c.mix(end, float64(step)/100).rounded()
		if contrast(m, s) >= contrastText+margin {
			return m
		}
	}
	return end
}

// ink returns the colour of text on c.
func (c colour) ink() string {
	light, errLight := parseColour(inkLight)
	dark, errDark := parseColour(inkDark)
	if errLight == nil && errDark == nil && contrast(c, dark) > contrast(c, light) {
		return inkDark
	}
	return inkLight
}

// mix goes from c to other by share.
func (c colour) mix(other colour, share float64) colour {
	return colour{c.r + (other.r-c.r)*share, c.g + (other.g-c.g)*share, c.b + (other.b-c.b)*share}
}

// rounded returns c as it is written, so that the check is made on what the browser shows.
func (c colour) rounded() colour {
	r, err := parseColour(c.String())
	if err != nil {
		return c
	}
	return r
}
