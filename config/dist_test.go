package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const tlsFiles = "node.ssl_dist { cacertfile = /ca, certfile = /crt, keyfile = /key }\n"

func TestDist(t *testing.T) {
	for in, want := range map[string]Node{
		"node.proto_dist = INET_TLS\n" + tlsFiles: {ProtoDist: "inet_tls", PortMap: "offset",
			SSL: NodeTLS{CACertFile: "/ca", CertFile: "/crt", KeyFile: "/key", VerifyPeer: true}},
		"cluster.proto_dist = inet6_tls, node.name = \"n@fd00::1\", node.ssl_dist { certfile = c, keyfile = k, verify = verify_none }": {
			ProtoDist: "inet6_tls", PortMap: "offset", Name: "n@fd00::1", SSL: NodeTLS{CertFile: "c", KeyFile: "k"}},
		"node { port_mapping = epmd, dist_listen_min = 7000, dist_listen_max = 7000, proto_dist = inet6_tcp, bind = \"::1\" }": {
			ProtoDist: "inet6_tcp", PortMap: "epmd", Bind: "::1", ListenMin: 7000, ListenMax: 7000, SSL: NodeTLS{VerifyPeer: true}},
	} {
		c, err := loadText(t, in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		want.DataDir, want.Role = "data", "core"
		if want.Bind == "" {
			want.Bind = "0.0.0.0"
		}
		if want.ListenMin == 0 {
			want.ListenMin, want.ListenMax = 6369, 7369
		}
		if diff := cmp.Diff(want, c.Node); diff != "" {
			t.Errorf("%s:\n%s", in, diff)
		}
		for _, w := range c.Warnings {
			if !strings.Contains(w, "older spelling") {
				t.Errorf("%s: %s", in, w)
			}
		}
	}
}

func TestDistErrors(t *testing.T) {
	for in, want := range map[string]string{
		"node.proto_dist = inet_tls":                                               "m.conf:1:19: node.proto_dist is inet_tls, but node.ssl_dist.certfile names no certificate of this node",
		"node.proto_dist = inet_tls, node.ssl_dist.certfile = c":                   "m.conf:1:19: node.proto_dist is inet_tls, but node.ssl_dist.keyfile names no private key of this node",
		"node.proto_dist = inet6_tls, node.ssl_dist { certfile = c, keyfile = k }": "m.conf:1:19: node.proto_dist is inet6_tls, but node.ssl_dist.cacertfile names no authorities by which to verify other nodes",
		"node { dist_listen_min = 7000, dist_listen_max = 6999 }":                  "m.conf:1:26: node.dist_listen_min is 7000, expected at most node.dist_listen_max, 6999",
		"node { proto_dist = inet6_tcp, bind = 127.0.0.1 }":                        "m.conf:1:21: node.proto_dist is inet6_tcp, but node.bind is 127.0.0.1",
		"node { proto_dist = inet6_tcp, name = n@10.0.0.1 }":                       "m.conf:1:21: node.proto_dist is inet6_tcp, but the host in node.name is 10.0.0.1",
		"node.proto_dist = inet_sctp":                                              `m.conf:1:19: node.proto_dist: found "inet_sctp", expected one of inet_tcp, inet6_tcp, inet_tls, inet6_tls`,
		"node.port_mapping = dns":                                                  `m.conf:1:21: node.port_mapping: found "dns", expected one of offset, epmd`,
		"node.ssl_dist.verify = maybe":                                             `m.conf:1:24: node.ssl_dist.verify: found "maybe", expected peer or none`,
	} {
		_, err := loadText(t, in)
		checkErrors(t, err, want)
	}
}

func TestUnusedDistKeys(t *testing.T) {
	c, err := loadText(t, "node.dist_listen_min = 6370\nnode.dist_listen_max = 7369\n"+tlsFiles)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(c.Warnings, "\n")
	for _, want := range []string{
		"m.conf:1:24: node.dist_listen_min counts with node.port_mapping = epmd", "node.ssl_dist.certfile counts with node.proto_dist = inet_tls",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	if strings.Contains(all, "dist_listen_max") || len(c.Warnings) != 4 {
		t.Errorf("warnings:\n%s", all)
	}
}

func TestWithEPMD(t *testing.T) {
	c := mustLoad(t, Options{Environ: []string{"WITH_EPMD=1"}})
	if !c.Node.Mapped() {
		t.Error(c.Node)
	}
	if c = mustLoad(t, Options{Environ: []string{"WITH_EPMD=0"}}); c.Node.Mapped() {
		t.Error(c.Node)
	}
}
