package packet

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/muster-mqtt/muster/core"
)

// passed are properties that go through as they came, in the order of Append.
var passed = Properties{PayloadFormat: 1, ContentType: "j", ResponseTopic: "r", CorrelationData: []byte{7},
	User: []UserProperty{{"b", "2"}, {"a", "1"}, {"b", ""}}}.Append(nil)

const passedWire = "01 01 03 0001'j' 08 0001'r' 09 0001 07 26 0001'b'0001'2' 26 0001'a'0001'1' 26 0001'b'0000"

var goldenPublish = []golden{
	{client311, "30 03 0001'a'", Publish{Version: 4, Topic: []byte("a"), Payload: []byte{}}},
	{client311, "31 05 0001'a' 'hi'", Publish{Version: 4, Topic: []byte("a"), Payload: []byte("hi"), Retain: true}},
	{client311, "3a 06 0001'a' 0102 'x'", Publish{Version: 4, Topic: []byte("a"), Payload: []byte("x"), QoS: 1, ID: 258, Dup: true}},
	{server311, "34 05 0001'/' ffff", Publish{Version: 4, Topic: []byte("/"), Payload: []byte{}, QoS: 2, ID: 65535}},

	{client5, "30 04 0001'a' 00", Publish{Version: 5, Topic: []byte("a"), Payload: []byte{}}},
	{client5, "3d 08 0003'a/b' 0001 00", Publish{Version: 5, Topic: []byte("a/b"), Payload: []byte{}, QoS: 2, ID: 1, Dup: true, Retain: true}},
	{client5, "32 0c 0001'a' 0009 05 02 0000000a 'x'",
		Publish{Version: 5, Topic: []byte("a"), Payload: []byte("x"), QoS: 1, ID: 9, Expiry: 10, HasExpiry: true}},
	{client5, "30 09 0001'a' 05 02 00000000", Publish{Version: 5, Topic: []byte("a"), Payload: []byte{}, HasExpiry: true}},
	{client5, "30 07 0001'a' 03 23 0001", Publish{Version: 5, Topic: []byte("a"), Payload: []byte{}, Alias: 1}},
	{client5, "30 07 0000 03 23 ffff 'x'", Publish{Version: 5, Topic: []byte{}, Payload: []byte("x"), Alias: 65535}},
	{client5, "30 27 0001'a' 22" + passedWire + "'x'",
		Publish{Version: 5, Topic: []byte("a"), Payload: []byte("x"), Properties: passed}},
	{client5, "30 2c 0001'a' 27 02 000003e8" + passedWire + "'x'",
		Publish{Version: 5, Topic: []byte("a"), Payload: []byte("x"), Expiry: 1000, HasExpiry: true, Properties: passed}},
	{server5, "30 0f 0001'a' 0a 0b 01 0b ffffff7f 0b 8001 'x'",
		Publish{Version: 5, Topic: []byte("a"), Payload: []byte("x"), IDs: []uint32{1, 268_435_455, 128}}},
}

var goldenAck = []golden{
	{client311, "40 02 0001", Ack{Version: 4, Type: TypePuback, ID: 1}},
	{client311, "50 02 0002", Ack{Version: 4, Type: TypePubrec, ID: 2}},
	{client311, "62 02 0003", Ack{Version: 4, Type: TypePubrel, ID: 3}},
	{server311, "70 02 0004", Ack{Version: 4, Type: TypePubcomp, ID: 4}},

	{client5, "40 02 0001", Ack{Version: 5, Type: TypePuback, ID: 1}},
	{server5, "40 03 0001 10", Ack{Version: 5, Type: TypePuback, ID: 1, Reason: NoMatchingSubscribers}},
	{client5, "50 03 ffff 97", Ack{Version: 5, Type: TypePubrec, ID: 65535, Reason: QuotaExceeded}},
	{client5, "62 03 0001 92", Ack{Version: 5, Type: TypePubrel, ID: 1, Reason: PacketIdentifierNotFound}},
	{server5, "70 03 0001 92", Ack{Version: 5, Type: TypePubcomp, ID: 1, Reason: PacketIdentifierNotFound}},
	{server5, "40 0f 0001 87 0b 1f 0001'n' 26 0001'a'0001'b'",
		Ack{Version: 5, Type: TypePuback, ID: 1, Reason: NotAuthorized, ReasonString: "n", UserProperties: user("a", "b")}},
	{client5, "62 08 0001 00 04 1f 0001'n'", Ack{Version: 5, Type: TypePubrel, ID: 1, ReasonString: "n"}},
	{client5, "70 0b 0001 00 07 26 0001'a'0001'b'", Ack{Version: 5, Type: TypePubcomp, ID: 1, UserProperties: user("a", "b")}},
}

var goldenSubscribe = []golden{
	{client311, "82 0c 0007 0003'a/+' 01 0001'#' 02",
		Subscribe{Version: 4, ID: 7, Subscriptions: []Subscription{{Filter: "a/+", QoS: 1}, {Filter: "#", QoS: 2}}}},
	// 3.1.1 has no shared subscriptions, and so nothing wrong with their names.
	{client311, "82 10 0007 000b'$share//+/#' 00", Subscribe{Version: 4, ID: 7, Subscriptions: []Subscription{{Filter: "$share//+/#"}}}},

	{client5, "82 07 0007 00 0001'a' 00", Subscribe{Version: 5, ID: 7, Subscriptions: []Subscription{{Filter: "a"}}}},
	{client5, "82 17 0001 0c 0b ffffff7f 26 0001'a'0001'b' 0001'#' 2e 0001'+' 19",
		Subscribe{Version: 5, ID: 1, SubscriptionID: 268_435_455, UserProperties: user("a", "b"), Subscriptions: []Subscription{
			{Filter: "#", QoS: 2, NoLocal: true, RetainAsPublished: true, RetainHandling: 2},
			{Filter: "+", QoS: 1, RetainAsPublished: true, RetainHandling: 1}}}},
	{client5, "82 12 0001 00 000c'$share/g/a/#' 02 ",
		Subscribe{Version: 5, ID: 1, Subscriptions: []Subscription{{Filter: "$share/g/a/#", QoS: 2}}}},
	{client5, "82 0c 0001 00 0006'$share' 04", Subscribe{Version: 5, ID: 1, Subscriptions: []Subscription{{Filter: "$share", NoLocal: true}}}},
}

var goldenSuback = []golden{
	{server311, "90 05 0007 01 02 80", Suback{Version: 4, ID: 7, Codes: []byte{1, 2, SubackFailure}}},
	{server5, "90 04 0007 00 00", Suback{Version: 5, ID: 7, Codes: []byte{0}}},
	{server5, "90 18 0007 0b 1f 0001'n' 26 0001'a'0001'b' 00 01 02 80 83 87 8f 91 97 9e",
		Suback{Version: 5, ID: 7, Codes: []byte{0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e}, ReasonString: "n", UserProperties: user("a", "b")}},
	{server5, "90 05 0007 00 a1 a2", Suback{Version: 5, ID: 7, Codes: []byte{0xa1, 0xa2}}},
}

var goldenUnsubscribe = []golden{
	{client311, "a2 08 0008 0001'a' 0001'b'", Unsubscribe{Version: 4, ID: 8, Filters: []core.Filter{"a", "b"}}},
	{client311, "a2 07 0008 0003'a/b'", Unsubscribe{Version: 4, ID: 8, Filters: []core.Filter{"a/b"}}},
	{client5, "a2 06 0008 00 0001'a'", Unsubscribe{Version: 5, ID: 8, Filters: []core.Filter{"a"}}},
	{client5, "a2 16 0008 07 26 0001'a'0001'b' 000a'$share/g/a'",
		Unsubscribe{Version: 5, ID: 8, UserProperties: user("a", "b"), Filters: []core.Filter{"$share/g/a"}}},
}

var goldenUnsuback = []golden{
	{server311, "b0 02 0008", Unsuback{Version: 4, ID: 8}},
	{server5, "b0 04 0008 00 00", Unsuback{Version: 5, ID: 8, Codes: []byte{0}}},
	{server5, "b0 15 0008 0b 1f 0001'n' 26 0001'a'0001'b' 11 80 83 87 8f 91 00",
		Unsuback{Version: 5, ID: 8, Codes: []byte{0x11, 0x80, 0x83, 0x87, 0x8f, 0x91, 0}, ReasonString: "n", UserProperties: user("a", "b")}},
}

// TestGolden reads each packet of the tables and writes it again.
func TestGolden(t *testing.T) {
	for _, g := range goldens() {
		wire := bytesOf(t, g.wire)
		got, err := g.from.decode(wire)
		if diff := cmp.Diff(g.want, got); diff != "" || err != nil {
			t.Errorf("%v %s: %v %s", g.from.version, g.wire, err, diff)
		}
		if again := g.want.Append(nil); !bytes.Equal(again, wire) {
			t.Errorf("%v %s: written as %x", g.from.version, g.wire, again)
		}
	}
}
