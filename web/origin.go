package web

import (
	"net/url"
	"strings"
)

// originAllowed says whether a page from origin may open a socket at host. A device sends no Origin and is not asked.
// A nil list allows every page: there is no cookie and no other credential that a foreign page could borrow. Any other list allows pages of
// the same host and the origins it names, or all if it names "*".
func originAllowed(origin, host string, allowed []string) bool {
	if origin == "" || allowed == nil {
		return true
	}
	for _, a := range allowed {
		if a == "*" || strings.EqualFold(a, origin) {
			return true
		}
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	port := defaultPort(u.Scheme)
	return strings.EqualFold(strings.TrimSuffix(u.Host, port), strings.TrimSuffix(host, port))
}

// defaultPort is what a browser leaves out of an Origin, while a Host may still have it.
func defaultPort(scheme string) string {
	if strings.EqualFold(scheme, "https") {
		return ":443"
	}
	return ":80"
}
