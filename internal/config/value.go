package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
)

const redacted = "[redacted]"

// Secret is a value that must not be printed: every way of printing it shows "[redacted]".
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String returns "[redacted]", or nothing if there is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString is what %#v prints.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// LogValue is what slog prints.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is what JSON and YAML print.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Size is a number of bytes, written with its unit: 64KiB, 19MiB, 1GiB.
type Size int64

// String returns the size in the largest unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits() {
		if n := int64(s); n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

type sizeUnit struct {
	name  string
	bytes int64
}

func sizeUnits() []sizeUnit {
	return []sizeUnit{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}
}

func parseSize(s string) (Size, error) {
	for _, u := range sizeUnits() {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/u.bytes {
			break
		}
		return Size(n * u.bytes), nil
	}
	return 0, errors.New("is no size. Write a whole number and its unit: 64KiB, 19MiB or 1GiB")
}

// parseDuration reads what time.ParseDuration reads, and days before it: 30d, 1d12h.
func parseDuration(s string) (time.Duration, error) {
	fault := errors.New("is no duration. Write a number and its unit: 90s, 10m, 24h or 30d")
	var days time.Duration
	if head, rest, found := strings.Cut(s, "d"); found {
		n, err := strconv.ParseUint(head, 10, 32)
		if err != nil || n > 100_000 {
			return 0, fault
		}
		if days = time.Duration(n) * 24 * time.Hour; rest == "" {
			return days, nil
		}
		s = rest
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || days+d < 0 {
		return 0, fault
	}
	return days + d, nil
}

// formatDuration writes d as a person would: 30d, 24h, 10m.
func formatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day && d%day == 0:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	case d != 0 && d%time.Hour == 0:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	case d != 0 && d%time.Minute == 0:
		return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
	}
	return d.String()
}

func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "on", "yes", "1":
		return true, nil
	case "false", "off", "no", "0":
		return false, nil
	}
	return false, errors.New("is neither true nor false. Write true or false")
}

// parsePrefix reads a network in CIDR form, or one address.
func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return p, errors.New("is no network. Write networks such as 10.0.0.0/8 or single addresses")
	case p.Masked() != p:
		return p, fmt.Errorf("has address bits outside its mask. Write %s, or the address alone", p.Masked())
	case p.Bits() == 0:
		// Trusting everybody would let each client write the address that throttling and the audit log see (SEC-10).
		return p, errors.New("is the whole internet, so every client could forge its address. Name only the proxies in front of this server")
	}
	return p, nil
}

// decode sets v from the texts that a source gave. Several texts are a list; one text for a list is split at commas.
func decode(v reflect.Value, texts []string) error {
	if list, ok := v.Addr().Interface().(*[]netip.Prefix); ok {
		*list = nil
		for _, t := range splitList(texts) {
			p, err := parsePrefix(t)
			if err != nil {
				return fmt.Errorf("%q %w", t, err)
			}
			*list = append(*list, p)
		}
		return nil
	}
	if list, ok := v.Addr().Interface().(*[]string); ok {
		*list = splitList(texts)
		return nil
	}
	if len(texts) != 1 {
		return errors.New("takes one value, not a list. Write a single value")
	}
	text := texts[0]
	var err error
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = text
	case *Secret:
		*p = Secret(text)
	case *bool:
		*p, err = parseBool(text)
	case *time.Duration:
		*p, err = parseDuration(text)
	case *Size:
		*p, err = parseSize(text)
	case *int:
		if *p, err = strconv.Atoi(text); err != nil {
			err = errors.New("is no whole number. Write digits only")
		}
	default:
		return fmt.Errorf("has a type that the loader does not know: %s", v.Type())
	}
	if err != nil {
		return fmt.Errorf("%q %w", text, err)
	}
	return nil
}

func splitList(texts []string) []string {
	var list []string
	for _, t := range texts {
		for part := range strings.SplitSeq(t, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
	}
	return list
}

// format writes the value of a setting as a source would have to say it; secrets are masked.
func format(v any) string {
	switch v := v.(type) {
	case time.Duration:
		return formatDuration(v)
	case []netip.Prefix:
		texts := make([]string, len(v))
		for i, p := range v {
			texts[i] = p.String()
		}
		return strings.Join(texts, ", ")
	case []string:
		return strings.Join(v, ", ")
	}
	return fmt.Sprint(v)
}
