package upstream

import (
	"errors"
	"fmt"
	"net/url"
)

const (
	maxState    = 512
	maxCode     = 8 << 10 // Entra's codes are long
	maxCallback = 2 << 10 // each other parameter
)

// callback is an authorization response (RFC 6749 §4.1.2), checked for shape only.
type callback struct {
	code, iss           string
	err, errDescription string
}

// State returns the one state parameter of a callback, for finding the Pending. The caller looks it up by its digest.
func State(values url.Values) (string, error) {
	s, err := single(values, "state", maxState)
	if err == nil && s == "" {
		err = errors.New("the callback has no state")
	}
	return s, err
}

// parseCallback refuses repeated parameters: two codes or two issuers mean that somebody added one.
func parseCallback(values url.Values) (callback, error) {
	var cb callback
	for _, p := range []struct {
		name   string
		target *string
		limit  int
	}{
		{"code", &cb.code, maxCode},
		{"iss", &cb.iss, maxCallback},
		{"error", &cb.err, maxCallback},
		{"error_description", &cb.errDescription, maxCallback},
	} {
		v, err := single(values, p.name, p.limit)
		if err != nil {
			return callback{}, err
		}
		*p.target = v
	}
	if cb.code == "" && cb.err == "" {
		return callback{}, errors.New("the callback has neither code nor error")
	}
	return cb, nil
}

func single(values url.Values, name string, limit int) (string, error) {
	list := values[name]
	switch {
	case len(list) == 0:
		return "", nil
	case len(list) > 1:
		return "", fmt.Errorf("the callback has %s %d times", name, len(list))
	case len(list[0]) > limit:
		return "", fmt.Errorf("the callback's %s is longer than %d bytes", name, limit)
	}
	return list[0], nil
}
