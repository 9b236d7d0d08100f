//go:build linux

package group

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// Two on one machine hear each other and themselves, by IPv4 and by IPv6.
func TestHear(t *testing.T) {
	for name, addr := range map[string]netip.Addr{
		"IPv4": netip.MustParseAddr("239.77.1.2"), "IPv6": netip.MustParseAddr("ff12::77:1"),
		"IPv6 of a site": netip.MustParseAddr("ff15::77:1"),
	} {
		t.Run(name, func(t *testing.T) {
			c := cable(t)
			o := options(c.Name)
			o.Addr = addr
			a, b := listen6(t, o), listen6(t, o)
			a.say("one")
			b.hears("one")
			b.say("two")
			a.hears("one", "two")
			b.hears("two")
			p := a.from[0]
			if p.Interface != c.Name || !p.Local || p.Source.Zone() != "" || p.Source.Is4() != addr.Is4() {
				t.Errorf("%+v", p)
			}
			if addr.Is4() && p.Source.String() != c.Addr {
				t.Errorf("it came from %s", p.Source)
			}
		})
	}
}

// listen6 is listen for an interface whose IPv6 address is still being checked
// for duplicates (RFC 4862).
func listen6(t *testing.T, o Options) *ears {
	t.Helper()
	e := quiet(t, o)
	e.await("the first look", func(_ State, err error) bool { return err == nil })
	return e
}

// A packet goes to each port and is heard on each.
func TestPorts(t *testing.T) {
	o := options(cable(t).Name)
	o.Ports = append(o.Ports, o.Ports[0]+1)
	a := listen(t, o)
	a.say("x")
	a.hears("x", "x")
	first := o
	first.Ports = o.Ports[1:]
	b := listen(t, first)
	b.say("y")
	a.hears("y")
	b.hears("y")
}

// With loop = off nobody on this machine hears us; we hear them.
func TestLoopOff(t *testing.T) {
	o := options(cable(t).Name)
	loud := listen(t, o)
	o.Loop = false
	silent := listen(t, o)
	silent.say("silent")
	loud.say("loud")
	silent.hears("loud")
	loud.hears("loud")
}

// All interfaces are used, or the one that is named, by name or address. What
// comes by another one is not heard, although the machine has joined there.
func TestTwoInterfaces(t *testing.T) {
	one, two := cable(t), cable(t)
	o := options("0.0.0.0")
	both := listen(t, o)
	o.Interface = one.Name
	first := listen(t, o)
	o.Interface = two.Addr
	second := listen(t, o)
	first.say("first")
	second.say("second")
	both.hears("first", "second")
	first.hears("first")
	second.hears("second")
	both.say("both")
	both.hears("both", "both")
	first.hears("both")
	second.hears("both")
	if st, err := first.Look(t.Context()); err != nil || st.Stray == 0 {
		t.Errorf("%+v, %v", st, err)
	}
	if i := []string{both.from[0].Interface, both.from[1].Interface}; i[0] != one.Name || i[1] != two.Name {
		t.Errorf("by %q", i)
	}
}

// Packets to other groups at our port are not ours, nor those to ourselves.
func TestStrays(t *testing.T) {
	c := cable(t)
	o := options(c.Name)
	a := listen(t, o)
	o.Addr = netip.MustParseAddr("239.78.0.1")
	listen(t, o).say("to another group")
	conn, err := net.Dial("udp4", net.JoinHostPort(c.Addr, fmt.Sprint(o.Ports[0])))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("to ourselves")); err != nil {
		t.Fatal(err)
	}
	a.hears()
}

// A long packet is seen to be long, and others are whole.
func TestSizes(t *testing.T) {
	o := options(cable(t).Name)
	o.Batch = 1
	a := listen(t, o)
	a.say(strings.Repeat("x", 1000))
	a.say("")
	a.say(strings.Repeat("y", 100))
	a.hears(strings.Repeat("x", 101), "", strings.Repeat("y", 100))
}

// An interface that goes and comes back is left out and used again. Without
// any there is an error that names it.
func TestUnplugged(t *testing.T) {
	c := cable(t)
	a := listen(t, options(c.Name))
	for range 3 {
		if err := c.Plug(false); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Look(t.Context()); err == nil || !strings.Contains(err.Error(), c.Name+" is down") {
			t.Errorf("while it is down: %v", err)
		}
		if err := a.Send([]byte("x")); err == nil {
			t.Error("a packet was sent")
		}
		if err := c.Plug(true); err != nil {
			t.Fatal(err)
		}
		st := a.await("a good look", func(_ State, err error) bool { return err == nil })
		if !st.Gained || len(st.Interfaces) != 1 || st.Interfaces[0] != c.Name {
			t.Errorf("%+v", st)
		}
		a.say("again")
		a.hears("again")
		if st, err := a.Look(t.Context()); err != nil || st.Gained {
			t.Errorf("a second look: %+v, %v", st, err)
		}
	}
}

// A new interface is used as soon as it is seen.
func TestNewInterface(t *testing.T) {
	one := cable(t)
	o := options("0.0.0.0")
	all := listen(t, o)
	two := cable(t)
	st, err := all.Look(t.Context())
	if err != nil || !st.Gained || len(st.Interfaces) != 2 {
		t.Errorf("%s and %s: %+v, %v", one.Name, two.Name, st, err)
	}
	o.Interface = two.Name
	listen(t, o).say("x")
	all.hears("x")
}

// Only loopback: it serves, with a warning, unless loop is off.
func TestOnlyLoopback(t *testing.T) {
	cable(t) // for the namespace; every interface of it is down, or has no address
	o := options("0.0.0.0")
	named := options("lo")
	n := listen(t, named)
	n.say("x")
	n.hears("x")
	o.Loop = false
	f, err := choose(o, []net.Interface{{Index: 1, Name: "lo", Flags: net.FlagUp | net.FlagRunning | net.FlagLoopback}},
		map[int][]netip.Addr{1: {netip.MustParseAddr("127.0.0.1")}})
	if err == nil || !strings.Contains(err.Error(), "lo is loopback, where loop = off") {
		t.Errorf("%+v, %v", f, err)
	}
}

// A port that a program keeps to itself is a warning while there is another.
func TestPortInUse(t *testing.T) {
	o := options(cable(t).Name)
	hog, err := net.ListenPacket("udp4", fmt.Sprintf("0.0.0.0:%d", o.Ports[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer hog.Close()
	want := fmt.Sprintf("UDP port %d is in use by a program that does not share it", o.Ports[0])
	if _, err := quiet(t, o).Look(t.Context()); err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	o.Ports = append(o.Ports, o.Ports[0]+1)
	a := listen(t, o)
	st, err := a.Look(t.Context())
	if err != nil || len(st.Warnings) != 1 || st.Warnings[0] != want {
		t.Errorf("%+v, %v", st, err)
	}
	a.say("x")
	a.hears("x")
	_ = hog.Close()
	if st, err := a.Look(t.Context()); err != nil || len(st.Warnings) != 0 || !st.Gained {
		t.Errorf("once it is free: %+v, %v", st, err)
	}
	a.say("y")
	a.hears("y", "y")
}

// Many looks at once all return, and all see what was said before them, while
// others talk.
func TestLooksAtOnce(t *testing.T) {
	o := options(cable(t).Name)
	a, b := listen(t, o), listen(t, o)
	ctx, stop := context.WithCancel(t.Context())
	var talk, looks sync.WaitGroup
	talk.Go(func() {
		for ctx.Err() == nil {
			_ = b.Send([]byte("noise"))
		}
	})
	for i := range 32 {
		looks.Go(func() {
			for range 20 {
				if _, err := a.Look(t.Context()); err != nil {
					t.Errorf("look %d: %v", i, err)
				}
			}
		})
	}
	looks.Wait()
	stop()
	talk.Wait()
	early, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Look(early); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	a.await("quiet", func(State, error) bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		quiet := len(a.heard) == 0
		a.heard = nil
		return quiet
	})
	b.say("last")
	a.hears("last")
}

// Looks, packets and the end may meet in any order.
func TestCloseAtAnyTime(t *testing.T) {
	c := cable(t)
	for i := range 30 {
		o := options(c.Name)
		o.Receive = func(Packet) {}
		g := New(o)
		var busy sync.WaitGroup
		for range 4 {
			busy.Go(func() {
				for {
					if _, err := g.Look(t.Context()); errors.Is(err, ErrClosed) {
						return
					}
					_ = g.Send([]byte("x"))
				}
			})
		}
		wait := time.NewTimer(rand.N(5 * time.Millisecond))
		<-wait.C
		if err := g.Close(); err != nil {
			t.Errorf("%d: %v", i, err)
		}
		busy.Wait()
		if err := g.Close(); err != nil {
			t.Errorf("closed again: %v", err)
		}
	}
}
