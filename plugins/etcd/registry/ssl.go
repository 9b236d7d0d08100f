package registry

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/muster-mqtt/muster/discovery"
)

const (
	verifyPeer = "peer"
	verifyNone = "none"
)

// ssl is the subtree cluster.etcd.ssl.
type ssl struct {
	Enable     bool   `json:"enable"`
	CACertFile string `json:"cacertfile,omitempty"`
	CertFile   string `json:"certfile,omitempty"`
	KeyFile    string `json:"keyfile,omitempty"`
	Verify     string `json:"verify"`
}

// readSSL checks everything but the files, which tlsConfig reads.
func (c *settings) readSSL() error {
	s := c.SSL
	switch {
	case s.Verify != verifyPeer && s.Verify != verifyNone:
		return discovery.InvalidConfig("ssl.verify", "found %q, want %s or %s", s.Verify, verifyPeer, verifyNone)
	case s.CertFile != "" && s.KeyFile == "":
		return discovery.InvalidConfig("ssl.keyfile", "is missing beside ssl.certfile")
	case s.CertFile == "" && s.KeyFile != "":
		return discovery.InvalidConfig("ssl.certfile", "is missing beside ssl.keyfile")
	case !c.secure && (s.CACertFile != "" || s.CertFile != ""):
		c.warnings = append(c.warnings, "ssl is not used: no server is https and ssl.enable is off")
	case c.secure && s.Verify == verifyNone:
		c.warnings = append(c.warnings, "ssl.verify = none: anybody in between can pass for etcd")
	}
	return nil
}

// tlsConfig reads the files, once; nil where there is no TLS.
func (c *settings) tlsConfig() (*tls.Config, error) {
	if !c.secure {
		return nil, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.SSL.Verify == verifyNone}
	if c.SSL.CACertFile != "" {
		pool, err := readPool(c.SSL.CACertFile)
		if err != nil {
			return nil, discovery.InvalidConfig("ssl.cacertfile", "%v", err)
		}
		out.RootCAs = pool
	}
	if c.SSL.CertFile == "" {
		return out, nil
	}
	for path, file := range map[string]string{"ssl.certfile": c.SSL.CertFile, "ssl.keyfile": c.SSL.KeyFile} {
		if _, err := os.ReadFile(file); err != nil {
			return nil, discovery.InvalidConfig(path, "%v", err)
		}
	}
	pair, err := tls.LoadX509KeyPair(c.SSL.CertFile, c.SSL.KeyFile)
	if err != nil {
		return nil, discovery.InvalidConfig("ssl.certfile", "%v", err)
	}
	out.Certificates = []tls.Certificate{pair}
	return out, nil
}

func readPool(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	return pool, nil
}
