package main

import (
	"idp/internal/crossdevice"
	"idp/internal/handlers"
	"idp/internal/handlers/pages"
	"idp/internal/throttle"
)

// crossDevice makes the service of what one device asks for and a person decides on at another one. Wrong user codes are slowed down like
// wrong passwords, and counted apart from them.
func (s *server) crossDevice() *crossdevice.Service {
	c := s.config.Throttle
	return crossdevice.New(crossdevice.Config{
		Store: s.store, Keyring: s.keyring, Audit: s.audit, Logger: s.logger, Outbound: s.outbound,
		Throttle: throttle.New(throttle.Config{
			Store: s.store, Keyring: s.keyring, Logger: s.logger, Guessing: "user_code ", TooMany: "Too many codes were wrong.",
			PerAccount: throttle.Limits{Failures: c.PerAccount, Window: c.Window, MaxDelay: c.MaxDelay},
			PerAddress: throttle.Limits{Failures: c.PerAddress, Window: c.Window, MaxDelay: c.MaxDelay},
		}),
	})
}

// devRoutes are the addresses that exist in development only: /dev/ciba?auth_req_id=…&action=allow answers for a person, so that a test
// suite need not open a browser.
func (s *server) devRoutes(front *pages.Pages) []handlers.Route {
	if !s.config.Dev {
		return nil
	}
	return []handlers.Route{{Pattern: issuerPath(s.config.Issuer) + "/dev/ciba", Handler: front.DecideAutomatically}}
}
