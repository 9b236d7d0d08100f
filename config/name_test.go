package config

import (
	"net/netip"
	"testing"
)

func TestNodeName(t *testing.T) {
	private := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("fe80::1"), netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("::ffff:10.1.2.3"), netip.MustParseAddr("192.168.0.1")}
	six := []netip.Addr{netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("fd00::2")}
	for _, c := range []struct {
		o    NameOptions
		want string
	}{
		{NameOptions{Name: "a@b", Bind: "1.2.3.4", HostName: "h", Addrs: private}, "a@b"},
		{NameOptions{Name: "a1", Bind: "1.2.3.4", Addrs: private}, "a1@1.2.3.4"},
		{NameOptions{Name: "a1", Bind: "0.0.0.0", Addrs: private}, "a1@10.1.2.3"},
		{NameOptions{Name: "a1", Bind: "::", Addrs: private[:3]}, "a1@127.0.0.1"},
		{NameOptions{Bind: "1.2.3.4", HostName: "web 1.é", Addrs: private}, "web-1.-@10.1.2.3"},
		{NameOptions{}, "muster@127.0.0.1"},
		{NameOptions{Name: "a", Bind: "0.0.0.0", Addrs: private, IPv6: true}, "a@::1"},
		{NameOptions{Name: "a", Bind: "fd00::7", Addrs: private, IPv6: true}, "a@fd00::7"},
		{NameOptions{Name: "a", Addrs: six, IPv6: true}, "a@fd00::2"},
		{NameOptions{Name: "a", Addrs: six[:2], IPv6: true}, "a@2001:db8::1"},
	} {
		if got := NodeName(c.o); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.o, got, c.want)
		}
	}
}
