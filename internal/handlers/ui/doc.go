// Package ui owns what a person sees: the templates, style sheet and scripts of the identity provider's pages, the
// catalogues of their sentences, one view model per page, and the fixtures that show every page in every state.
//
// It does not decide anything and reads no request: handlers fill a view model and call Render. View models lie here, beside
// their templates, so that handlers, fixtures and goldens share one definition.
//
// # Seams
//
// Pages work without JavaScript. Every POST form carries csrf, and i (the interaction) where there is one; buttons that
// share a form differ by action. Paths are relative to Config.BasePath:
//
//	POST /login                      identifier, password, remember=1 | action=continue | action=switch | action=cancel
//	POST /login/upstream/{provider}  nothing more
//	POST /login/link                 password | action=cancel
//	POST /consent                    action=allow | action=deny | action=switch
//	POST /logout                     action=confirm | action=cancel
//	POST /setup                      token, email, name, password
//	GET  /login, /                   links
//
// A POST whose answer leads off this origin must be answered with the Continue page and not with a 303: under form-action
// 'self' Chromium follows no redirect of a form to another origin.
//
// # Element ids
//
// Conformance scripts and tests select these; they are as stable as a URL.
//
//	every page      brand, title (the h1), main, dev-banner
//	forms           error-summary, and {field}-error beside a field at fault; notice for what is no fault
//	login           identifier, password, remember, submit-login, continue-account, use-another-account, account-name,
//	                upstream-{provider}, cancel-login; client-name, client-policy, client-terms
//	link            password, submit-link, cancel-link
//	consent         client-name, redirect-host, account-name, not-you, scope-{name}, allow, deny, client-policy, client-terms
//	logout          account-name, confirm-logout, cancel
//	signed out      return-link, sign-in-link
//	continue        continue-link
//	form_post       response-form, submit-response
//	error           error-status, error-code, error-sentence, error-mend, trace-id, redirect-uri, error-client, error-detail
//	upstream failed failure, retry-upstream, use-password, cancel-login, trace-id
//	loop            loop-count, retry-link, trace-id
//	home            account-name, account-email, sign-out, sign-in-link
//	setup           token, email, name, password, submit-setup
//
// Specs: OpenID Connect Core 1.0 §3.1.2.1 (ui_locales, login_hint), §3.1.2.4; OAuth 2.0 Form Post Response Mode; BCP 47;
// WCAG 2.2 AA; CSP Level 3.
package ui
