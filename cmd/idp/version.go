package main

import (
	_ "embed"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// versionFile is the number of the release that is being worked on. It works without a repository at
// hand, as in a container build.
//
//go:embed VERSION
var versionFile string

// buildVersion says what is running.
type buildVersion struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified,omitempty"` // built from a tree with changes that are in no commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func readVersion() buildVersion {
	v := buildVersion{Version: strings.TrimSpace(versionFile), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func newVersionCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print what is running",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v, o := readVersion(), a.output()
			if a.flags.quiet {
				_, err := a.out.Write([]byte(v.Version + "\n"))
				return err
			}
			return o.object(v, func() {
				modified := ""
				if v.Modified {
					modified = " (modified)"
				}
				o.fields([2]string{"idp", v.Version}, [2]string{"revision", v.Revision + modified}, [2]string{"time", v.Time}, [2]string{"go", v.Go}, [2]string{"platform", v.Platform})
			})
		},
	}
}
