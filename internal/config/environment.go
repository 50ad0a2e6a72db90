package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// serviceLink matches what Kubernetes derives from a service's name (HUBBUB_SERVICE_HOST, HUBBUB_PORT_8080_TCP_ADDR, …).
// No setting may have such a name.
var serviceLink = regexp.MustCompile(`_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$`)

// readEnv makes a map of NAME=value. An empty value is none: that is how compose files and charts say "not set".
func readEnv(list []string) map[string]string {
	env := make(map[string]string, len(list))
	for _, e := range list {
		if name, value, _ := strings.Cut(e, "="); value != "" {
			env[name] = value
		}
	}
	return env
}

// strangers warns of variables that look like settings and are none. They are no errors: Kubernetes sets
// HUBBUB_PORT and its like in every container beside a service called hubbub.
func strangers(env map[string]string) (warnings []string) {
	var links []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		rest, ours := strings.CutPrefix(name, envPrefix)
		key := strings.ToLower(strings.ReplaceAll(rest, "_", "-"))
		switch {
		case !ours || settingByKey[key] != nil && settingByKey[key].Env == name:
		case serviceLink.MatchString(name):
			links = append(links, name)
		default:
			hint := "hubbub --help lists them"
			if near := nearest(key, keys()); near != "" { // without the prefix, which would make every name look near
				hint = "did you mean " + settingByKey[near].Env + "?"
			}
			warnings = append(warnings, fmt.Sprintf("%s is no setting and is ignored, %s", name, hint))
		}
	}
	if len(links) > 0 {
		warnings = append(warnings, strings.Join(links, ", ")+": no settings, ignored; Kubernetes sets them for a service of that name (enableServiceLinks: false ends that)")
	}
	return warnings
}
