// Command idp is an identity provider and OAuth 2 authorization server, and the tool that operates it.
//
// It is the only package that reads flags, the environment and the configuration, and main is the only caller of os.Exit. Every
// file holds one noun of the command line and exposes func newXCmd(a *app) *cobra.Command; commands in main.go lists them. An
// app carries everything that a command may touch of the outside, so that no command has a global to disturb.
package main
