// Package sampleapp is the small relying party that `idp serve --dev` runs on a second port, so that a newcomer sees a whole sign-in
// work before writing a line. It uses the code flow with PKCE through the well-known Go client libraries, like any
// application would, and knows the provider by its issuer alone. It is not part of a production server.
package sampleapp
