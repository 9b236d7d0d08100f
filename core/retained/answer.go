package retained

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-mqtt/muster/core"
)

// answer is what is still to be sent in answer to a List.
type answer struct {
	active bool
	wants  []Want
	send   []core.Topic
	done   Done
}

// listed compares what the other side holds of a range with what we hold.
func (x *Sync) listed(now Now, l List) error {
	for i, k := range l.Keys {
		last := l.After
		if i > 0 {
			last = l.Keys[i-1].Topic
		}
		if k.Topic <= last || l.Until != "" && k.Topic > l.Until {
			return fmt.Errorf("list out of order at item %d of %d: %w", i, len(l.Keys), ErrImpossible)
		}
	}
	if !x.allowed(now) {
		return nil
	}
	x.giveWay(now)
	x.answer = answer{active: true, done: Done{Bucket: l.Bucket, Until: l.Until}}
	mine := x.s.sorted(l.Bucket, l.After, l.Until)
	for _, k := range l.Keys {
		n, _ := slices.BinarySearchFunc(mine, k.Topic, func(e *entry, t core.Topic) int {
			return strings.Compare(string(e.topic), string(t))
		})
		x.offer(mine[:n])
		mine = mine[n:]
		if len(mine) > 0 && mine[0].topic == k.Topic {
			mine = mine[1:]
		}
		x.judge(k)
	}
	x.offer(mine)
	return nil
}

// offer sends what the other side does not hold, but for what it may have
// deleted: that is asked about when the comparison is ours.
func (x *Sync) offer(mine []*entry) {
	for _, e := range mine {
		if !x.outdated(e) {
			x.answer.send = append(x.answer.send, e.topic)
		}
	}
}

// judge decides on one topic that the other side holds.
func (x *Sync) judge(k Key) {
	e := x.s.order.get(k.Topic)
	if e == nil {
		if x.s.live >= x.s.opts.MaxMessages || x.s.bytes >= x.s.opts.MaxBytes {
			x.s.partial = true
			return
		}
		x.answer.wants = append(x.answer.wants, Want{Topic: k.Topic, Absent: true})
		return
	}
	switch c := k.Token.Compare(e.token); {
	case c > 0:
		x.answer.wants = append(x.answer.wants, Want{Topic: k.Topic})
	case c < 0 || e.m == nil:
		x.answer.send = append(x.answer.send, k.Topic)
	}
}

// next returns the next part of the answer.
func (a *answer) next(s *Store) Message {
	if len(a.wants) > 0 {
		n, room := 0, s.opts.ChunkBytes
		for n < len(a.wants) && room > 0 {
			room -= len(a.wants[n].Topic) + keyBytes
			n++
		}
		w := Wants{Wants: a.wants[:n:n]}
		a.wants = a.wants[n:]
		return w
	}
	if m := s.items(&a.send); len(m.Messages) > 0 {
		return m
	}
	a.active = false
	return a.done
}
