package dns

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-mqtt/muster/cmd/e2e/internal/kit"
)

// Nodes that have IPv6 addresses only: by SRV records whose target has no
// other, and by AAAA records, to which `app` adds the port.
func TestAAAAOnly(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("skip: there is no ::1 here")
	}
	_ = l.Close()
	server := bin.Names(t)
	first := kit.Ports(t, 1)[0]
	app := fmt.Sprint("n", first-4370) // the name from which the first port is derived
	make := func(i int, name, conf string, port int) *kit.Node {
		return bin.Node(t, kit.Options{Name: name, Dir: filepath.Join(t.TempDir(), fmt.Sprint(i)), Conf: conf, Port: port})
	}
	bySRV := srv("_muster._tcp.test", server.Addr)
	byAAAA := fmt.Sprintf("cluster { discovery_strategy = dns, dns { name = six.test, record_type = aaaa, app = %s, server = %q } }", app, server.Addr)
	nodes := []*kit.Node{make(1, app+"@::1", bySRV, first), make(2, "b@::1", bySRV, 0), make(3, "c@::1", byAAAA, 0)}
	server.Zone("six.test 1 AAAA ::1",
		fmt.Sprintf("_muster._tcp.test 1 SRV 0 0 %d six.test", nodes[0].Port),
		fmt.Sprintf("_muster._tcp.test 1 SRV 0 0 %d six.test", nodes[1].Port))
	startAll(nodes)
	kit.One(t, formed, nodes...)
	for i, want := range [][]string{{nodes[0].Addr(), nodes[1].Addr()}, {nodes[0].Addr(), nodes[1].Addr()}, {"\n::1 ", app + "@::1"}} {
		out := nodes[i].Muster("discovery", "test", "dns")
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s does not name %s:\n%s", nodes[i].Name, w, out)
			}
		}
	}
}
