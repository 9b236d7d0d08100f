package pluginhost

import "strings"

// allowedNames are the variables of the node that a plugin gets to see:
// where programs, time zones and certificates are, and which way is out.
var allowedNames = map[string]bool{
	"PATH": true, "TZ": true,
	"HTTP_PROXY": true, "HTTPS_PROXY": true, "NO_PROXY": true,
	"http_proxy": true, "https_proxy": true, "no_proxy": true,
}

// allowedPrefixes: where OpenSSL and Go look for certificates, and how a pod
// finds its API server.
var allowedPrefixes = []string{"SSL_CERT_", "KUBERNETES_"}

// allowed returns the variables, each NAME=value, that a plugin may inherit.
func allowed(environ []string) []string {
	var out []string
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		ok := allowedNames[name]
		for _, p := range allowedPrefixes {
			ok = ok || strings.HasPrefix(name, p)
		}
		if ok {
			out = append(out, v)
		}
	}
	return out
}
