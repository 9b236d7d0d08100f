package pods

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/k8s/rest"
)

// The ways to write the address of a pod.
const (
	byIP       = "ip"
	byDNS      = "dns"
	byHostname = "hostname"
)

// Defaults and bounds of the configuration.
const (
	defaultServer  = "https://kubernetes.default.svc:443"
	defaultService = "muster"
	defaultSuffix  = "pod.local"
	defaultPort    = "cluster"
	maxSelector    = 1024 // bytes
)

// account is the directory of the service account's files, which every pod has.
const account = "/var/run/secrets/kubernetes.io/serviceaccount"

const schema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "apiserver": {"type": "string", "default": "https://kubernetes.default.svc:443", "description": "URL of the API server. Over http no token is sent."},
    "service_name": {"type": "string", "default": "muster", "description": "The service whose EndpointSlices are read."},
    "selector": {"type": "string", "description": "A label selector, such as app=muster: the pods that it selects are read, in place of EndpointSlices."},
    "namespace": {"type": "string", "description": "Default: that of the service account, else default."},
    "address_type": {"enum": ["ip", "dns", "hostname"], "default": "ip"},
    "suffix": {"type": "string", "default": "pod.local", "description": "What follows the namespace in a name of the type dns or hostname."},
    "app_name": {"type": "string", "description": "What the names of nodes begin with, before @."},
    "port_name": {"type": "string", "default": "cluster", "description": "The port of that name, of a service or a pod, is where its node is."},
    "tokenfile": {"type": "string", "description": "Default: that of the pod's service account."},
    "cacertfile": {"type": "string", "description": "Default: ca.crt beside the token."}
  }
}`

// config is the subtree cluster.k8s.
type config struct {
	APIServer   string `json:"apiserver"`
	ServiceName string `json:"service_name"`
	Selector    string `json:"selector,omitempty"`
	Namespace   string `json:"namespace"`
	AddressType string `json:"address_type"`
	Suffix      string `json:"suffix"`
	AppName     string `json:"app_name,omitempty"`
	PortName    string `json:"port_name"`
	TokenFile   string `json:"tokenfile,omitempty"`
	CACertFile  string `json:"cacertfile,omitempty"`
}

// settings are a configuration that was found to be good.
type settings struct {
	config
	server   *url.URL
	warnings []string
}

// read checks a whole configuration and fills in what is not said; what is not
// said of the files is that they are those in the directory of an account.
func read(s discovery.Setup, account string) (settings, error) {
	c := settings{config: config{
		APIServer: defaultServer, ServiceName: defaultService, AddressType: byIP, Suffix: defaultSuffix, PortName: defaultPort, TokenFile: filepath.Join(account, "token"),
	}}
	if err := s.Decode(&c.config); err != nil {
		return settings{}, err
	}
	for _, step := range []func() error{c.readServer, c.readSource, c.readNamespace, c.readNames, c.readFiles} {
		if err := step(); err != nil {
			return settings{}, err
		}
	}
	return c, nil
}

// readServer says nothing of the text in its errors: it may hold a password.
func (c *settings) readServer() error {
	u, err := url.Parse(c.APIServer)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "" || u.Scheme != "http" && u.Scheme != "https":
		return discovery.InvalidConfig("apiserver", "not a URL such as %s", defaultServer)
	case u.User != nil:
		return discovery.InvalidConfig("apiserver", "a URL here has no user: the token of a service account is used")
	case u.RawQuery != "" || u.Fragment != "":
		return discovery.InvalidConfig("apiserver", "a URL here ends with the port, or a path")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return discovery.InvalidConfig("apiserver", "the port is not a number from 1 to 65535")
	}
	c.server = &url.URL{Scheme: u.Scheme, Host: net.JoinHostPort(u.Hostname(), port), Path: strings.TrimRight(u.Path, "/")}
	c.APIServer = c.server.String()
	if u.Scheme == "http" {
		c.warnings = append(c.warnings, "apiserver is http: anybody in between can pass for it; no token is sent")
	}
	return nil
}

func (c *settings) readSource() error {
	if c.Selector = strings.TrimSpace(c.Selector); c.Selector == "" {
		if !isName(c.ServiceName) {
			return discovery.InvalidConfig("service_name", "found %q, want the name of a service", short(c.ServiceName))
		}
		return nil
	}
	if len(c.Selector) > maxSelector || strings.ContainsFunc(c.Selector, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }) {
		return discovery.InvalidConfig("selector", "want a label selector such as app=muster, of %d characters at most", maxSelector)
	}
	return nil
}

// readNamespace takes that of the service account, which is beside the token.
func (c *settings) readNamespace() error {
	if c.Namespace == "" {
		c.Namespace = "default"
		name, err := rest.Namespace(filepath.Join(filepath.Dir(c.TokenFile), "namespace"))
		switch {
		case err == nil:
			c.Namespace = name
		case !errors.Is(err, fs.ErrNotExist):
			return discovery.InvalidConfig("namespace", "not set, and that of the service account cannot be read: %v", err)
		}
	}
	if !isName(c.Namespace) {
		return discovery.InvalidConfig("namespace", "found %q, want the name of a namespace", short(c.Namespace))
	}
	return nil
}

func (c *settings) readNames() error {
	c.Suffix = strings.Trim(c.Suffix, ".")
	switch {
	case c.AddressType != byIP && c.AddressType != byDNS && c.AddressType != byHostname:
		return discovery.InvalidConfig("address_type", "found %q, want %s, %s or %s", short(c.AddressType), byIP, byDNS, byHostname)
	case !isDomain(c.Suffix):
		return discovery.InvalidConfig("suffix", "found %q, want a domain name such as %s", short(c.Suffix), defaultSuffix)
	case c.AppName != "" && !appName.MatchString(c.AppName):
		return discovery.InvalidConfig("app_name", "found %q, want letters, digits, - and _, 64 at most", short(c.AppName))
	case !isName(c.PortName):
		return discovery.InvalidConfig("port_name", "found %q, want the name of a port", short(c.PortName))
	}
	return nil
}

// readFiles makes sure that the files which https needs can be read; they are
// read anew when they are used.
func (c *settings) readFiles() error {
	if c.server.Scheme == "http" {
		c.TokenFile, c.CACertFile = "", ""
		return nil
	}
	if c.CACertFile == "" {
		c.CACertFile = filepath.Join(filepath.Dir(c.TokenFile), "ca.crt")
	}
	const hint = "outside a pod it must be given; in a pod, see automountServiceAccountToken"
	if err := rest.CheckToken(c.TokenFile); err != nil {
		return discovery.InvalidConfig("tokenfile", "%v (%s)", err, hint)
	}
	if _, err := rest.Pool(c.CACertFile); err != nil {
		return discovery.InvalidConfig("cacertfile", "an API server with https needs the authority that vouches for it: %v (%s)", err, hint)
	}
	return nil
}

var (
	label   = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`) // RFC 1123
	appName = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)
)

// isName reports whether s names a thing of Kubernetes.
func isName(s string) bool { return label.MatchString(s) }

// isDomain reports whether s is labels with dots between them.
func isDomain(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if !label.MatchString(strings.ToLower(part)) {
			return false
		}
	}
	return len(s) <= 253
}

func short(s string) string {
	if len(s) > 64 {
		return fmt.Sprintf("%.64s…", s)
	}
	return s
}

// normal is the configuration as understood.
func (c *settings) normal() json.RawMessage {
	raw, err := json.Marshal(c.config)
	if err != nil {
		return nil // texts always marshal
	}
	return raw
}
