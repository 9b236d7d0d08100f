package clauses

import (
	"slices"
	"testing"
)

// TestConnack5 holds what a CONNACK of 5.0 says, beside what law_test.go
// demands of every one.
func TestConnack5(t *testing.T) {
	t.Parallel()
	act(t, only5,
		scene{"assigned-client-id", assignedClientID},
		scene{"assigned-client-id-of-a-session", assignedSession},
		scene{"own-client-id-is-not-assigned", ownClientID},
		scene{"capabilities", capabilities},
		scene{"no-answer-to-what-was-not-asked", notAsked},
		scene{"response-information", responseInformation},
		scene{"small-maximum", smallMaximum},
		scene{"password-alone", passwordAlone},
	)
}

func nameless(c *connect) { c.id = "" }

func assignedClientID(p *play) {
	seen := map[string]bool{}
	for range 20 {
		x := p.join("", nameless)
		id := x.connack.texts(assignedID)
		if len(id) != 1 || id[0] == "" || seen[id[0]] {
			p.Fatalf("assigned %q [MQTT-3.2.2-16]", id)
		}
		seen[id[0]] = true
	}
}

// assignedSession: the assigned name is a name.
func assignedSession(p *play) {
	x := p.join("", nameless, lasting)
	id := x.connack.texts(assignedID)
	if len(id) != 1 || x.connack.present {
		p.Fatalf("got %s", x.connack)
	}
	x.on(p.topic("t"), 1)
	x.leave()
	y := p.join("", func(c *connect) { c.id = id[0] }, lasting)
	if !y.connack.present {
		p.Fatal("the session is not under the assigned client ID")
	}
	z := p.join("", func(c *connect) { c.id = id[0] })
	y.ends(0x8E)
	z.nothing()
}

func ownClientID(p *play) {
	x := p.join("x")
	if got := x.connack.texts(assignedID); got != nil {
		p.Fatalf("assigned %q to a client with a name", got)
	}
}

// capabilities: all there is, so that none of the flags may deny it, and QoS 2
// is not limited.
func capabilities(p *play) {
	c := p.join("x").connack
	for _, id := range []byte{retainAvailable, wildcardSubs, subscriptionIDs, sharedSubs} {
		if n, is := c.num(id); is && n != 1 {
			p.Errorf("property %#x denies", id)
		}
	}
	if n, is := c.num(maximumQoS); is {
		p.Errorf("maximum QoS %d, which may only be said when it is 0 or 1", n)
	}
	for _, id := range []byte{receiveMaximum, maximumPacket} {
		if n, is := c.num(id); is && n == 0 {
			p.Errorf("property %#x is 0, a protocol error", id)
		}
	}
	for _, id := range []byte{authMethod, authData} {
		if c.texts(id) != nil {
			p.Errorf("property %#x without one in the CONNECT [MQTT-4.12.0-6]", id)
		}
	}
}

// notAsked: the values of a client that are taken as they are need no word.
func notAsked(p *play) {
	c := p.join("x", expiring(60), keep(60)).connack
	if n, is := c.num(sessionExpiry); is && n != 60 {
		p.Errorf("session expiry %d", n)
	}
	if n, is := c.num(serverKeepAlive); is && n != 60 {
		p.Errorf("server keep alive %d", n)
	}
	if c.texts(responseInfo) != nil {
		p.Error("response information that nobody asked for [MQTT-3.1.2-28]")
	}
}

func responseInformation(p *play) {
	no := p.join("x", with(prop8(requestResponse, 0))).connack
	if no.texts(responseInfo) != nil {
		p.Error("response information that was refused [MQTT-3.1.2-28]")
	}
	// With 1 a server may still say nothing.
	if got := p.join("x", with(prop8(requestResponse, 1))).connack.texts(responseInfo); len(got) > 0 && got[0] == "" {
		p.Error("empty response information")
	}
}

// smallMaximum: a CONNACK is no larger than the client takes. One who takes
// none that says what he must know gets the refusal, or nothing.
func smallMaximum(p *play) {
	for size := range uint32(30) {
		x := p.ask("z", with(prop32(maximumPacket, size+1)))
		got, err := x.poll(within)
		switch {
		case err != nil && !over(err):
			p.Fatal(err)
		case err != nil:
			if size+1 >= 5 {
				p.Errorf("a client of %d bytes is not told why it is refused", size+1)
			}
			continue
		case got.typ != connackType, got.size() > int(size+1), got.reason != 0 && got.reason != 0x95:
			p.Errorf("got %s of %d bytes for a client of %d", got, got.size(), size+1)
		}
		if got.reason != 0 {
			x.closed()
		}
	}
	for _, size := range []uint32{30, 40, 60, 100} {
		x := p.join("x", with(prop32(maximumPacket, size)))
		if x.connack.size() > int(size) {
			p.Errorf("a CONNACK of %d bytes for a client of %d", x.connack.size(), size)
		}
		y := p.ask("y", with(prop32(maximumPacket, size), propStr(authMethod, "unknown")))
		got := y.want(connackType)
		if got.size() > int(size) || !slices.Contains([]byte{0x8C, 0x87}, got.reason) {
			p.Errorf("got %s of %d bytes", got, got.size())
		}
		y.closed()
	}
}

// passwordAlone: 5.0 allows a password without a user name.
func passwordAlone(p *play) {
	pass := "token"
	p.join("x", func(c *connect) { c.pass = &pass }).leave()
}

// TestConnect3 holds what 3.1.1 alone says of CONNECT.
func TestConnect3(t *testing.T) {
	t.Parallel()
	act(t, only3, scene{"password-alone", func(p *play) {
		pass := "token"
		x := p.ask("x", func(c *connect) { c.pass = &pass })
		x.closed()
	}})
}
