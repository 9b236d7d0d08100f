package packet

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/muster-mqtt/muster/core"
	"pgregory.net/rapid"
)

// TestRoundTrip writes random packets and decodes them.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.OneOf(
			rapid.Custom(drawConnect), rapid.Custom(drawPublish), rapid.Custom(drawSubscribe), rapid.Custom(drawUnsubscribe),
			rapid.Custom(drawAck), rapid.Custom(drawCodes), rapid.Custom(drawConnack), rapid.Custom(drawEnd),
		).Draw(t, "packet")
		v, server := sender(want)
		s := side{version: v, server: server}
		r := s.reader(want.Append(nil), nil)
		r.SetMax(MaxPacket)
		p, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(p)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("%v %s", err, diff)
		}
	})
}

// sender is the version of a packet, and whether it is one of a server.
func sender(a appender) (Version, bool) {
	switch a := a.(type) {
	case Publish:
		return a.Version, a.IDs != nil
	case Subscribe:
		return a.Version, false
	case Unsubscribe:
		return a.Version, false
	case Ack:
		return a.Version, false
	case Suback:
		return a.Version, true
	case Unsuback:
		return a.Version, true
	case Connack:
		return a.Version, true
	case Disconnect:
		return a.Version, a.Reason == ServerMoved
	case Auth:
		return a.Version, a.Reason == Success
	}
	return 0, false // a CONNECT says it itself
}

var anyText = rapid.StringMatching(`[^\x00\x{d800}-\x{dfff}]{0,20}`)

func drawVersion(t *rapid.T) Version {
	return rapid.SampledFrom([]Version{Version311, Version5}).Draw(t, "version")
}

func drawUsers(t *rapid.T) []byte {
	return Properties{User: drawProperties(t).User}.Append(nil)
}

func drawBytes(t *rapid.T, name string) []byte {
	if rapid.Bool().Draw(t, "with "+name) {
		return append([]byte{}, rapid.SliceOf(rapid.Byte()).Draw(t, name)...)
	}
	return nil
}

func drawText(t *rapid.T, name string) *string {
	if rapid.Bool().Draw(t, "with "+name) {
		return text(anyText.Draw(t, name))
	}
	return nil
}

func drawConnect(t *rapid.T) appender {
	c := Connect{Version: drawVersion(t), CleanStart: rapid.Bool().Draw(t, "clean"), KeepAlive: rapid.Uint16().Draw(t, "keep alive"),
		ClientID: "c" + anyText.Draw(t, "id"), ReceiveMaximum: maxText, RequestProblem: true, Username: drawText(t, "user")}
	if c.Username != nil || c.Version == Version5 {
		c.Password = drawBytes(t, "password")
	}
	if rapid.Bool().Draw(t, "will") {
		c.Will = &Will{Topic: "w", Payload: rapid.SliceOf(rapid.Byte()).Draw(t, "w"),
			QoS: core.QoS(rapid.IntRange(0, 2).Draw(t, "qos")), Retain: rapid.Bool().Draw(t, "retain")}
	}
	if c.Version == Version5 {
		drawConnect5(t, &c)
	} else if !c.CleanStart {
		c.SessionExpiry = forever
	}
	return c
}

func drawConnect5(t *rapid.T, c *Connect) {
	c.SessionExpiry, c.ReceiveMaximum = rapid.Uint32().Draw(t, "expiry"), rapid.Uint16Min(1).Draw(t, "window")
	c.MaximumPacketSize, c.TopicAliasMaximum = rapid.Uint32().Draw(t, "size"), rapid.Uint16().Draw(t, "aliases")
	c.RequestResponse, c.RequestProblem = rapid.Bool().Draw(t, "response"), rapid.Bool().Draw(t, "problem")
	if c.AuthMethod = drawText(t, "method"); c.AuthMethod != nil {
		c.AuthData = drawBytes(t, "data")
	}
	c.UserProperties = drawUsers(t)
	if c.Will != nil {
		c.Will.Delay, c.Will.Properties = rapid.Uint32().Draw(t, "delay"), drawProperties(t).Append(nil)
		c.Will.HasExpiry = rapid.Bool().Draw(t, "will expires")
		if c.Will.HasExpiry {
			c.Will.Expiry = rapid.Uint32().Draw(t, "will expiry")
		}
	}
}

func drawPublish(t *rapid.T) appender {
	m := Publish{Version: drawVersion(t), Topic: []byte(rapid.StringMatching(`[a-zé/$ ]{1,30}`).Draw(t, "topic")),
		Payload: rapid.SliceOf(rapid.Byte()).Draw(t, "payload"),
		QoS:     core.QoS(rapid.IntRange(0, 2).Draw(t, "qos")), Retain: rapid.Bool().Draw(t, "retain")}
	if m.QoS > 0 {
		m.ID, m.Dup = rapid.Uint16Min(1).Draw(t, "id"), rapid.Bool().Draw(t, "dup")
	}
	if m.Version != Version5 {
		return m
	}
	m.Alias, m.Properties = rapid.Uint16().Draw(t, "alias"), drawProperties(t).Append(nil)
	if m.HasExpiry = rapid.Bool().Draw(t, "expires"); m.HasExpiry {
		m.Expiry = rapid.Uint32().Draw(t, "expiry")
	}
	if rapid.Bool().Draw(t, "server") {
		m.IDs = rapid.SliceOfN(rapid.Uint32Range(1, 268_435_455), 1, 5).Draw(t, "ids")
	}
	if m.Alias != 0 && rapid.Bool().Draw(t, "no topic") {
		m.Topic = []byte{}
	}
	return m
}

func drawSubscribe(t *rapid.T) appender {
	filters := rapid.SliceOfN(rapid.StringMatching(`[ab+](/[ab+]){0,3}(/#)?`), 1, 9).Draw(t, "filters")
	req := Subscribe{Version: drawVersion(t), ID: rapid.Uint16Min(1).Draw(t, "id")}
	five := req.Version == Version5
	if five {
		req.SubscriptionID, req.UserProperties = rapid.Uint32Range(0, 268_435_455).Draw(t, "sid"), drawUsers(t)
	}
	for _, f := range filters {
		s := Subscription{Filter: core.Filter(f), QoS: core.QoS(rapid.IntRange(0, 2).Draw(t, "qos"))}
		if five {
			s.NoLocal, s.RetainAsPublished = rapid.Bool().Draw(t, "no local"), rapid.Bool().Draw(t, "as published")
			s.RetainHandling = byte(rapid.IntRange(0, 2).Draw(t, "handling"))
		}
		req.Subscriptions = append(req.Subscriptions, s)
	}
	return req
}

func drawUnsubscribe(t *rapid.T) appender {
	u := Unsubscribe{Version: drawVersion(t), ID: rapid.Uint16Min(1).Draw(t, "id")}
	if u.Version == Version5 {
		u.UserProperties = drawUsers(t)
	}
	for _, f := range rapid.SliceOfN(rapid.StringMatching(`(\$share/g/)?[ab+](/[ab+]){0,3}(/#)?`), 1, 9).Draw(t, "filters") {
		u.Filters = append(u.Filters, core.Filter(f))
	}
	return u
}

func drawAck(t *rapid.T) appender {
	types := []Type{TypePuback, TypePubrec, TypePubrel, TypePubcomp}
	a := Ack{Version: drawVersion(t), Type: rapid.SampledFrom(types).Draw(t, "type"), ID: rapid.Uint16Min(1).Draw(t, "id")}
	if a.Version == Version5 {
		a.ReasonString, a.UserProperties = anyText.Draw(t, "why"), drawUsers(t)
		a.Reason = rapid.SampledFrom(codesOf(a.Type, false)).Draw(t, "reason")
	}
	return a
}

// codesOf are the codes that a packet may have.
func codesOf(t Type, server bool) []Reason {
	var codes []Reason
	for r := range 256 {
		if Reason(r).allowed(t, server) {
			codes = append(codes, Reason(r))
		}
	}
	return codes
}

func drawCodes(t *rapid.T) appender {
	v, id := drawVersion(t), rapid.Uint16Min(1).Draw(t, "id")
	draw := func(of Type) (codes []byte) {
		for _, r := range rapid.SliceOfN(rapid.SampledFrom(codesOf(of, true)), 1, 9).Draw(t, "codes") {
			codes = append(codes, byte(r))
		}
		return codes
	}
	switch {
	case v != Version5 && rapid.Bool().Draw(t, "subscribed"):
		return Suback{Version: v, ID: id, Codes: rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, SubackFailure}), 1, 9).Draw(t, "codes")}
	case v != Version5:
		return Unsuback{Version: v, ID: id}
	case rapid.Bool().Draw(t, "subscribed"):
		return Suback{Version: v, ID: id, Codes: draw(TypeSuback), ReasonString: anyText.Draw(t, "why"), UserProperties: drawUsers(t)}
	}
	return Unsuback{Version: v, ID: id, Codes: draw(TypeUnsuback), ReasonString: anyText.Draw(t, "why"), UserProperties: drawUsers(t)}
}

func drawConnack(t *rapid.T) appender {
	a := Connack{Version: drawVersion(t), Code: rapid.ByteRange(0, RefusedUnauthorized).Draw(t, "code")}
	if a.Version != Version5 {
		return a
	}
	a.Code = byte(rapid.SampledFrom(codesOf(TypeConnack, true)).Draw(t, "reason"))
	a.SessionPresent = a.Code == 0 && rapid.Bool().Draw(t, "present")
	a.ReceiveMaximum, a.MaximumPacketSize = rapid.Uint16Range(0, maxText-1).Draw(t, "window"), rapid.Uint32().Draw(t, "size")
	a.AssignedClientID, a.ReasonString = anyText.Draw(t, "id"), anyText.Draw(t, "why")
	a.ResponseInformation, a.ServerReference = anyText.Draw(t, "info"), anyText.Draw(t, "reference")
	a.AuthMethod, a.AuthData, a.UserProperties = drawText(t, "method"), drawBytes(t, "data"), drawUsers(t)
	for _, feature := range []**bool{&a.RetainAvailable, &a.WildcardAvailable, &a.SubscriptionIDsAvailable, &a.SharedAvailable} {
		if rapid.Bool().Draw(t, "said") {
			*feature = ptr(rapid.Bool().Draw(t, "available"))
		}
	}
	if rapid.Bool().Draw(t, "kept alive") {
		a.ServerKeepAlive, a.SessionExpiry, a.MaximumQoS = ptr(rapid.Uint16().Draw(t, "keep")), ptr(rapid.Uint32().Draw(t, "expiry")), ptr[byte](1)
	}
	return a
}

func drawEnd(t *rapid.T) appender {
	if rapid.Bool().Draw(t, "auth") {
		a := Auth{Version: Version5, Method: text(anyText.Draw(t, "method")), Data: drawBytes(t, "data"), ReasonString: anyText.Draw(t, "why")}
		a.Reason = rapid.SampledFrom([]Reason{Success, ContinueAuthentication, ReAuthenticate}).Draw(t, "reason")
		a.UserProperties = drawUsers(t)
		return a
	}
	d := Disconnect{Version: drawVersion(t)}
	if d.Version != Version5 {
		return d
	}
	d.Reason = rapid.SampledFrom([]Reason{Success, DisconnectWithWill, QuotaExceeded, ServerMoved}).Draw(t, "reason")
	d.ReasonString, d.ServerReference, d.UserProperties = anyText.Draw(t, "why"), anyText.Draw(t, "reference"), drawUsers(t)
	if d.Reason != ServerMoved && rapid.Bool().Draw(t, "expires") {
		d.SessionExpiry = ptr(rapid.Uint32().Draw(t, "expiry"))
	}
	return d
}
