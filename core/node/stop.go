package node

import (
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/membership"
	"github.com/muster-mqtt/muster/core/wire"
)

// Waiting for links before a good-bye.
const (
	linksWait = 300 * time.Millisecond
	linksLook = 10 * time.Millisecond
)

// awaitLinks waits a little until every alive member has a link, so that one
// whose link is just being replaced hears the good-bye too, and until what it
// was sent is acknowledged: the good-bye ends the lanes.
func (n *Node) awaitLinks() {
	look := time.NewTicker(linksLook)
	defer look.Stop()
	for range linksWait / linksLook {
		n.askLanes() // again: a question overtakes what is not written yet
		if n.allLinked() {
			return
		}
		<-look.C
	}
}

// askLanes asks how far the peers have got: what was sent at QoS 0 is
// acknowledged when somebody does.
func (n *Node) askLanes() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.peers {
		for _, pair := range p.lanes {
			pair.probe(uint64(n.stamp()))
		}
	}
}

func (n *Node) allLinked() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for uid, p := range n.peers {
		if n.deaf {
			break
		}
		if state, _ := n.members.StateOf(uid); state == core.Alive && (p.link == nil || !p.flushed()) {
			return false
		}
	}
	return true
}

// sayBye ends every link in order, telling why.
func (n *Node) sayBye(kind membership.ByeKind) {
	n.mu.Lock()
	n.stopping = true
	var links []*link
	for _, p := range n.peers {
		if p.link != nil {
			p.link.queue(wire.Bye{Incarnation: n.opts.Saved.Incarnation, Kind: kind})
			p.link.finish()
			links = append(links, p.link)
			n.detach(p)
		}
	}
	n.mu.Unlock()
	for _, l := range links {
		<-l.done
	}
}
