package announce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-mqtt/muster/discovery"
	"github.com/muster-mqtt/muster/plugins/mcast/frame"
	"github.com/muster-mqtt/muster/plugins/mcast/group"
	"github.com/muster-mqtt/muster/plugins/mcast/roster"
)

func TestConfig(t *testing.T) {
	const usual = `{"addr":"239.192.0.1","ports":[4369,4370],"iface":"0.0.0.0","ttl":255,"loop":true,"sndbuf":16000,"recbuf":16000,"buffer":32000}`
	for in, want := range map[string]string{
		``: usual, `{}`: usual, usual: usual, `{"ports":null}`: usual,
		`{"addr":"FF02:0::1","ports":[7],"iface":"eth0","ttl":0,"loop":false,"sndbuf":1,"recbuf":2,"buffer":3}`: `{"addr":"ff02::1","ports":[7],"iface":"eth0","ttl":0,"loop":false,"sndbuf":1,"recbuf":2,"buffer":3}`,
		`{"addr":"::ffff:239.1.2.3","iface":"::"}`:                                                              strings.Replace(strings.Replace(usual, "239.192.0.1", "239.1.2.3", 1), "0.0.0.0", "::", 1),
	} {
		c, err := read(discovery.Setup{Config: json.RawMessage(in)})
		if diff := cmp.Diff(want, string(c.normal())); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", in, err, diff)
		}
	}
}

func TestConfigRefuses(t *testing.T) {
	for in, path := range map[string]string{
		`{"addr":"10.0.0.1"}`: "addr", `{"addr":"x"}`: "addr", `{"addr":""}`: "addr", `{"addr":"ff02::1%eth0"}`: "addr", `{"addr":7}`: "addr",
		`{"ports":[]}`: "ports", `{"ports":[0]}`: "ports", `{"ports":[65536]}`: "ports", `{"ports":[-1]}`: "ports", `{"ports":7}`: "ports",
		`{"ports":[1,2,3,4,5,6,7,8,9]}`: "ports", `{"ports":[1.5]}`: "ports",
		`{"iface":"a b"}`: "iface", `{"iface":"a/b"}`: "iface", `{"iface":"239.0.0.1"}`: "iface", `{"iface":"` + strings.Repeat("x", 65) + `"}`: "iface",
		`{"ttl":-1}`: "ttl", `{"ttl":256}`: "ttl", `{"loop":1}`: "loop", `{"loop":false,"iface":"::1"}`: "loop",
		`{"sndbuf":0}`: "sndbuf", `{"recbuf":2000000000}`: "recbuf", `{"buffer":-5}`: "buffer", `{"tll":1}`: "tll", `[]`: "",
	} {
		_, err := read(discovery.Setup{Config: json.RawMessage(in)})
		var e *discovery.Error
		if !errors.As(err, &e) || e.Class != discovery.ConfigInvalid || e.Path != path || e.Reason == "" {
			t.Errorf("%.50s: %v, want an error at %q", in, err, path)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(`{"addr":"239.192.0.1","ports":[4369]}`)
	f.Add(`{"iface":"127.0.0.1","loop":false}`)
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := read(discovery.Setup{Config: json.RawMessage(raw)})
		if err != nil {
			if discovery.ClassOf(err) != discovery.ConfigInvalid {
				t.Fatalf("%s: %v", raw, err)
			}
			return
		}
		again, err := read(discovery.Setup{Config: c.normal()})
		if err != nil || string(again.normal()) != string(c.normal()) {
			t.Fatalf("%s becomes %s, and that %s, %v", raw, c.normal(), again.normal(), err)
		}
	})
}

// What the host must hand over is asked for by name.
func TestHostMistakes(t *testing.T) {
	for words, change := range map[string]func(*discovery.Setup){
		"cluster key of 5 bytes": func(s *discovery.Setup) { s.ClusterKey = []byte("short") },
		"no cluster":             func(s *discovery.Setup) { s.ClusterName = "" },
		"uid of the node":        func(s *discovery.Setup) { s.Self.NodeUID = "n1" },
		"unknown key":            func(s *discovery.Setup) { s.Config = json.RawMessage(`{"x":1}`) },
	} {
		s := setup(1)
		change(&s)
		if _, err := New(t.Context(), s); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", words, err)
		}
	}
	if i := Info("1"); !json.Valid(i.ConfigSchema) || !i.NeedsClusterKey || !i.RestartToReload {
		t.Errorf("%+v", i)
	}
}

// Without a network every call says so, by class, and the return of it is
// noticed without any call.
func TestDown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := &ether{}
		a, b := e.join(t, 1), e.join(t, 2)
		b.register()
		a.port.breaks(errDown, nil)
		for what, call := range map[string]func() error{
			"Discover": func() error { _, err := a.Discover(t.Context()); return err },
			"Register": func() error { _, err := a.Register(t.Context(), a.me, time.Minute); return err },
			"Watch":    func() error { return a.Watch(t.Context(), "", func(discovery.Event) error { return nil }) },
		} {
			if err := call(); discovery.ClassOf(err) != discovery.BackendUnavailable || !strings.Contains(err.Error(), "eth0 is down") {
				t.Errorf("%s: %v", what, err)
			}
		}
		if h, err := a.Health(t.Context()); err != nil || h.Backend != discovery.BackendDown || h.LastError == nil || h.Registration.State != discovery.NotRegistered {
			t.Errorf("%+v, %v", h, err)
		}
		a.port.breaks(nil, nil)
		time.Sleep(lookAgain + answerTime)
		if h, err := a.Health(t.Context()); err != nil || h.Backend != discovery.BackendOK {
			t.Errorf("%+v, %v", h, err)
		}
		all("n2", a)
		a.port.breaks(fmt.Errorf("sendto: %w", syscall.EPERM), nil)
		if _, err := a.Discover(t.Context()); discovery.ClassOf(err) != discovery.Auth {
			t.Errorf("what the system forbids: %v", err)
		}
	})
}

// A call that its caller gives up says nothing of the network.
func TestGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := (&ether{}).join(t, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := a.Discover(ctx); discovery.ClassOf(err) != discovery.Timeout {
			t.Errorf("within 1 ms: %v", err)
		}
		gone, end := context.WithCancel(t.Context())
		end()
		if _, err := a.Discover(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		if h, err := a.Health(t.Context()); err != nil || h.Backend != discovery.BackendOK || h.LastError != nil {
			t.Errorf("%+v, %v", h, err)
		}
	})
}

// An entry is lost when nothing could be sent for as long as it lives, and
// back with the first frame that leaves. Both are told, to a watch as well.
func TestRegistration(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := (&ether{}).join(t, 1)
		ttl, err := a.Register(t.Context(), a.me, 3*time.Second)
		if err != nil || ttl != 3*time.Second {
			t.Fatal(ttl, err)
		}
		var states []discovery.RegistrationState
		ctx, end := context.WithCancel(t.Context())
		defer end()
		done := make(chan error, 1)
		go func() {
			done <- a.Watch(ctx, "", func(ev discovery.Event) error {
				if ev.Registration != nil {
					states = append(states, ev.Registration.State)
				}
				return nil
			})
		}()
		synctest.Wait()
		a.port.breaks(nil, errDown)
		time.Sleep(2 * time.Second)
		a.state(discovery.Registered)
		a.warned("the others cannot hear this node")
		time.Sleep(4 * time.Second)
		a.state(discovery.RegistrationLost)
		a.port.breaks(nil, nil)
		time.Sleep(time.Second)
		a.state(discovery.Registered)
		a.warned("")
		for range 2 {
			if err := a.Deregister(t.Context(), a.me.NodeUID); err != nil {
				t.Error(err)
			}
		}
		a.state(discovery.NotRegistered)
		synctest.Wait()
		end()
		synctest.Wait()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		want := []discovery.RegistrationState{discovery.Registered, discovery.RegistrationLost, discovery.Registered, discovery.NotRegistered}
		if diff := cmp.Diff(want, states); diff != "" {
			t.Error(diff)
		}
	})
}

func (k *knot) state(want discovery.RegistrationState) {
	k.t.Helper()
	h, err := k.Health(k.t.Context())
	if err != nil || h.Registration.State != want {
		k.t.Errorf("%+v, %v; want state %v", h, err, want)
	}
}

// What cannot be announced is refused, and what is granted is what others keep.
func TestRegisterGrants(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := (&ether{}).join(t, 1)
		for asked, granted := range map[time.Duration]time.Duration{
			0: 30 * time.Second, time.Millisecond: time.Second, 10 * time.Second: 10 * time.Second, time.Hour: 30 * time.Second,
		} {
			if got, err := a.Register(t.Context(), a.me, asked); err != nil || got != granted {
				t.Errorf("asked for %v: %v, %v; want %v", asked, got, err, granted)
			}
		}
		if err := a.Deregister(t.Context(), a.me.NodeUID); err != nil {
			t.Error(err)
		}
		for name, change := range map[string]func(*discovery.Self){
			"another uid": func(s *discovery.Self) { s.NodeUID = selfOf(2).NodeUID },
			"no endpoint": func(s *discovery.Self) { s.Endpoints = nil },
			"no name":     func(s *discovery.Self) { s.Name = "" },
			"a bad host":  func(s *discovery.Self) { s.Endpoints = []discovery.Endpoint{{Host: "0.0.0.0"}} },
		} {
			self := selfOf(1)
			change(&self)
			if ttl, err := a.Register(t.Context(), self, time.Minute); discovery.ClassOf(err) != discovery.PluginInternal {
				t.Errorf("%s: %v, %v", name, ttl, err)
			}
			a.state(discovery.NotRegistered)
		}
		if err := a.Deregister(t.Context(), "nobody"); err != nil {
			t.Error(err)
		}
	})
}

// The zone of an address is this machine's affair.
func TestZoneStaysBehind(t *testing.T) {
	self := selfOf(1)
	self.Endpoints = []discovery.Endpoint{{Host: "fe80::1%eth0", Port: 7}, {Host: "h.example.com"}}
	want := []discovery.Endpoint{{Host: "fe80::1", Port: 7}, {Host: "h.example.com"}}
	if diff := cmp.Diff(want, entryOf(self, time.Second).endpoints); diff != "" {
		t.Error(diff)
	}
}

// A watch tells of every change and ends with the network, or with the
// strategy.
func TestWatch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := &ether{}
		a, b := e.join(t, 1), e.join(t, 2)
		var lists []int
		done := make(chan error, 1)
		watch := func() {
			done <- a.Watch(t.Context(), "", func(ev discovery.Event) error {
				if ev.Snapshot != nil {
					lists = append(lists, len(ev.Snapshot.Candidates))
				}
				return nil
			})
		}
		go watch()
		synctest.Wait()
		b.register()
		synctest.Wait()
		time.Sleep(time.Minute)
		if err := b.Deregister(t.Context(), b.me.NodeUID); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		b.register()
		time.Sleep(time.Second)
		b.port.breaks(nil, errDown)
		time.Sleep(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]int{0, 1, 0, 1, 0}, lists); diff != "" {
			t.Error(diff)
		}
		a.port.breaks(errDown, nil)
		if err := <-done; discovery.ClassOf(err) != discovery.BackendUnavailable {
			t.Error(err)
		}
		a.port.breaks(nil, nil)
		go watch()
		synctest.Wait()
		a.cancel()
		if err := <-done; !errors.Is(err, errOver) {
			t.Error(err)
		}
		if err := a.Watch(t.Context(), "", func(discovery.Event) error { return errDown }); !errors.Is(err, errDown) {
			t.Error(err)
		}
		if n := len(a.followers); n != 0 {
			t.Errorf("%d watches are remembered", n)
		}
	})
}

// The times in frames only go forward, but follow a clock that was far off.
func TestClock(t *testing.T) {
	s := newStrategy(setup(1), frame.UID{1})
	defer s.cancel()
	began := time.Unix(1_800_000_000, 0)
	last := time.Time{}
	for i, c := range []struct {
		wall    time.Duration
		forward bool
	}{{0, true}, {0, true}, {time.Second, true}, {-50 * time.Second, true}, {-49 * time.Second, true}, {-time.Hour, false}, {0, true}} {
		got := s.clock(began.Add(c.wall))
		if got.After(last) != c.forward {
			t.Errorf("%d: %v after %v", i, got, last)
		}
		if off := got.Sub(began.Add(c.wall)); off < 0 || off > roster.MaxSkew {
			t.Errorf("%d: %v off the clock", i, off)
		}
		last = got
	}
}

// A close in the middle of anything leaves nothing behind.
func TestClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := &ether{}
		a, b := e.join(t, 1), e.join(t, 2)
		a.register()
		b.register()
		done := make(chan error, 1)
		go func() { done <- a.Watch(t.Context(), "", func(discovery.Event) error { return nil }) }()
		a.mu.Lock()
		a.seen.gained = time.Now()
		a.mu.Unlock()
		listened := make(chan error, 1)
		go func() { _, err := a.Discover(t.Context()); listened <- err }()
		synctest.Wait()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if err := errors.Join(<-done, <-listened); !errors.Is(err, errOver) {
			t.Error(err)
		}
		all("n1 n2", b)
		time.Sleep(31 * time.Second)
		all("n2", b)
	})
}

// Where the group has counters, they are told.
func TestCounts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := &ether{}
		a := e.join(t, 1)
		a.port.state = group.State{Warnings: []string{"eth1: cannot join the group"}, Stray: 3, Faint: 2}
		a.register()
		a.warned("eth1")
		h, err := a.Health(t.Context())
		if err != nil || h.Backend != discovery.BackendDegraded || len(h.Notes) != 2 {
			t.Fatalf("%+v, %v", h, err)
		}
		// How many have been sent by now is chance; all of them come back.
		var sent, heard, own int
		if _, err := fmt.Sscanf(h.Notes[1], "frames: %d sent, %d heard, %d our own,", &sent, &heard, &own); err != nil || sent < 2 || heard != sent || own != sent {
			t.Errorf("%q: %d sent, %d heard, %d our own, %v", h.Notes[1], sent, heard, own, err)
		}
		for _, words := range []string{"3 to another group", "2 failed reads"} {
			if !strings.Contains(h.Notes[1], words) {
				t.Errorf("%q lacks %q", h.Notes[1], words)
			}
		}
	})
}
