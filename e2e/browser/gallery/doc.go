// Package gallery looks at the pages of internal/handlers/ui in Chromium as the gallery shows them: every state, without a server
// under test. No database has a part in it, so it runs once and not once for each engine, unlike the tests of package browser.
package gallery
