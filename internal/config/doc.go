// Package config owns the settings of a running server: what they are, where they come from, and whether they make sense.
//
// Config is one struct whose comments and tags are the only description of a setting: docs/config.md, the JSON schema and the
// flags are made from them. Sources, each over the one before: default, file, systemd credential, environment, flag. Load
// reports every fault at once, each with its key, its origin, its cause and its mend. Only cmd/idp imports this package;
// everybody else is handed a small struct of their own. What administrators change at run time is a row in the database, not
// a setting. There is deliberately no setting that turns authentication off (account-features FL-22).
package config
