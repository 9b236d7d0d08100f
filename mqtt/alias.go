package mqtt

import (
	"fmt"
	"strings"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/mqtt/packet"
)

// maxAliasBytes bounds the topics that a client may give aliases to on one
// connection.
const maxAliasBytes = 256 << 10

// inAliases are the topic aliases that a client has set on its connection
// [MQTT 5.0, 3.3.2.3.4].
type inAliases struct {
	topics map[uint16]core.Topic
	bytes  int
}

// resolve returns the topic of a PUBLISH: its own, or the one that its alias
// stands for. limit is the highest alias that the CONNACK allowed.
func (a *inAliases) resolve(in packet.Publish, limit int) (core.Topic, error) {
	if int(in.Alias) > limit {
		return "", fmt.Errorf("%w: %d is above the maximum of the CONNACK [MQTT-3.3.2-9]", errAlias, in.Alias)
	}
	if len(in.Topic) == 0 {
		topic, known := a.topics[in.Alias]
		if !known {
			return "", fmt.Errorf("%w: topic alias %d stands for no topic yet [MQTT 5.0, 3.3.2.3.4]", packet.ErrProtocol, in.Alias)
		}
		return topic, nil
	}
	if bytes := a.bytes + len(in.Topic) - len(a.topics[in.Alias]); bytes > maxAliasBytes {
		return "", fmt.Errorf("%w: topic aliases for more than %d bytes", errQuota, maxAliasBytes)
	} else {
		a.bytes = bytes
	}
	if a.topics == nil {
		a.topics = map[uint16]core.Topic{}
	}
	topic := core.Topic(in.Topic)
	a.topics[in.Alias] = topic
	return topic, nil
}

// outAliases are the topic aliases that we have set on a connection: those of
// the topics sent most recently. The zero outAliases sets none.
type outAliases struct {
	limit     int // aliases that the client allows and we use
	clock     uint32
	maxPacket int // that the client takes, in bytes; 0: no limit
	topics    map[core.Topic]uint16
	slots     []outAlias // alias 1 is the first
}

type outAlias struct {
	topic core.Topic
	used  uint32 // clock of the last use
}

// maxOutAliases bounds the memory for aliases; the search for the one to be
// replaced is linear.
const maxOutAliases = 32

// aliasSize is what an alias adds to a packet at most, in bytes, the growth of
// both lengths included.
const aliasSize = 5

// shortTopic is the length in bytes up to which an alias gains nothing: it
// takes three bytes itself.
const shortTopic = 3

// apply gives d an alias. known says that the client knows what it stands for
// and the topic may be left out.
func (a *outAliases) apply(d *packet.Delivery) {
	topic := d.Message.Topic
	if a.limit == 0 || len(topic) <= shortTopic || a.maxPacket > 0 && d.Size()+aliasSize > a.maxPacket {
		return
	}
	a.clock++
	alias, known := a.topics[topic]
	if !known {
		alias = a.assign(topic)
	}
	a.slots[alias-1].used = a.clock
	d.Alias, d.NoTopic = alias, known
}

// assign gives topic a free alias, or that of the topic used longest ago.
func (a *outAliases) assign(topic core.Topic) uint16 {
	if a.topics == nil {
		a.topics = map[core.Topic]uint16{}
	}
	// The message that it comes from is not to stay in memory for its topic.
	topic = core.Topic(strings.Clone(string(topic)))
	slot := len(a.slots)
	if slot < a.limit {
		a.slots = append(a.slots, outAlias{})
	} else {
		slot = a.oldest()
		delete(a.topics, a.slots[slot].topic)
	}
	a.slots[slot].topic = topic
	a.topics[topic] = uint16(slot + 1)
	return uint16(slot + 1)
}

func (a *outAliases) oldest() (slot int) {
	for i := range a.slots {
		if a.clock-a.slots[i].used > a.clock-a.slots[slot].used {
			slot = i
		}
	}
	return slot
}
