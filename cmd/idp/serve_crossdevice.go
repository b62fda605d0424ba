package main

import (
	"idp/internal/crossdevice"
	"idp/internal/throttle"
)

// crossDevice makes the service of what one device asks for and a person decides on at another one. Wrong user codes are slowed down like
// wrong passwords, and counted apart from them.
func (s *server) crossDevice() *crossdevice.Service {
	c := s.config.Throttle
	return crossdevice.New(crossdevice.Config{
		Store: s.store, Keyring: s.keyring, Audit: s.audit, Logger: s.logger,
		Throttle: throttle.New(throttle.Config{
			Store: s.store, Keyring: s.keyring, Logger: s.logger, Guessing: "user_code ", TooMany: "Too many codes were wrong.",
			PerAccount: throttle.Limits{Failures: c.PerAccount, Window: c.Window, MaxDelay: c.MaxDelay},
			PerAddress: throttle.Limits{Failures: c.PerAddress, Window: c.Window, MaxDelay: c.MaxDelay},
		}),
	})
}
