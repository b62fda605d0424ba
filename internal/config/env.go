package config

import (
	"regexp"
	"slices"
	"sort"
	"strings"
)

// environ turns os.Environ into a map. An empty variable is as good as none: compose files pass on what is not set that way.
func environ(env []string) map[string]string {
	m := make(map[string]string, len(env))
	for _, kv := range env {
		if name, value, ok := strings.Cut(kv, "="); ok && value != "" {
			m[name] = value
		}
	}
	return m
}

// kubernetesVariable matches what Kubernetes puts into every pod for each Service whose name begins with "idp": IDP_SERVICE_HOST,
// IDP_PORT, IDP_DB_PORT_5432_TCP_ADDR. They are nobody's settings.
var kubernetesVariable = regexp.MustCompile(`^IDP_(.+_)?(SERVICE_(HOST|PORT(_.+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_.+)?)?)$`)

// foreignVariable reports whether a variable with our prefix belongs to something else than the server's settings.
func foreignVariable(name string) bool {
	return slices.Contains([]string{"IDP_CONFIG", "IDP_URL", "IDP_TOKEN", "IDP_TOKEN_FILE"}, name) ||
		strings.HasPrefix(name, "IDP_TEST_") || kubernetesVariable.MatchString(name)
}

// environment collects the settings in the variables that begin with IDP_. One that means nothing is a fault, because it is a
// setting that somebody believes to be in force.
func (l *loader) environment() []assignment {
	type target struct {
		f        *field
		fromFile bool
	}
	targets := make(map[string]target)
	for _, f := range l.known {
		for _, name := range []string{f.env, f.short} {
			if name == "" {
				continue
			}
			targets[name] = target{f, false}
			if f.secret() {
				targets[name+"_FILE"] = target{f, true}
			}
		}
	}
	names := make([]string, 0, len(l.env))
	for name := range l.env {
		if strings.HasPrefix(name, "IDP_") && !foreignVariable(name) {
			names = append(names, name)
		}
	}
	sort.Strings(names)

	var list []assignment
	for _, name := range names {
		t, ok := targets[name]
		origin := "environment variable " + name
		switch {
		case !ok:
			known := make([]string, 0, len(targets))
			for n := range targets {
				known = append(known, n)
			}
			sort.Strings(known)
			l.faults.add(name, origin, "is no setting.%s `idp config doc` lists them all; groups are parted by two underscores.", didYouMean(name, known))
		case t.f.flagOnly():
			l.faults.add(t.f.key, origin, "can only be given as the flag --%s. Unset the variable.", t.f.tag.Get("flag"))
		default:
			list = append(list, assignment{key: t.f.key, texts: []string{l.env[name]}, origin: origin, fromFile: t.fromFile})
		}
	}
	return list
}
