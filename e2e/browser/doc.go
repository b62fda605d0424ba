// Package browser drives a headless Chromium for tests, and tests in it what no HTTP client can see: accessibility, the content
// security policy, widths, dark mode, pages without JavaScript.
//
// browser.go is the only file that knows chromedp. It holds the actions of a person (Goto, Fill, Click, Text, …); every one fails
// the test by itself, with the address it was at. The browser is /usr/bin/chromium (Debian package chromium), or what
// IDP_TEST_CHROMIUM names. With CI=true its absence fails the test; otherwise the test is skipped.
//
// It is no part of the program, and imports it only for the pages it looks at.
package browser
