package retained

import (
	"fmt"
	"slices"
	"time"

	"github.com/muster-mqtt/muster/core"
)

// soon is the time until what differed once is looked at again.

const soon = time.Second

// lead returns the next message of our own comparison.
func (x *Sync) lead(now Now) Message {
	if x.phase != idle && !now.Time.Before(x.limit) { // something was lost on the way
		x.s.counts.abandoned++
		x.rest(now, soon)
	}
	switch x.phase {
	case idle:
		if now.Time.Before(x.due) {
			return nil
		}
		if !x.allowed(now) {
			x.due = now.Time.Add(soon)
			return nil
		}
		x.phase, x.stamp = asking, now.Stamp
		x.progress(now)
		return x.digest(now, false)
	case listing:
		x.list = x.s.list(x.todo[0], x.list.Until)
		x.phase, x.answered = answering, false
		x.progress(now)
		return x.list
	case answering:
		return x.supply(now)
	}
	return nil
}

// rest ends a comparison, in step or not.
func (x *Sync) rest(now Now, until time.Duration) {
	x.phase, x.due = idle, now.Time.Add(until)
	x.todo, x.wanted, x.list = nil, nil, List{}
}

// compare decides what is to be gone through. In the first comparison on a
// link that is everything that differs; later a bucket must differ twice in a
// row, since one in which a message is on its way differs as well.
func (x *Sync) compare(now Now) {
	var differ []uint8
	mine := x.digest(now, false).Sums
	for b := range Buckets {
		if mine[b] != x.theirs.Sums[b] {
			differ = append(differ, uint8(b))
		}
	}
	if len(differ) == 0 {
		x.s.partial = false
	}
	since := x.stamp
	switch {
	case !x.compared:
		x.todo, x.suspects, since = differ, nil, x.stamp
	case x.suspects == nil:
		x.todo, x.suspects, x.before = nil, differ, x.stamp
		if len(differ) > 0 {
			x.rest(now, soon)
			return
		}
	default:
		x.todo = slices.DeleteFunc(differ, func(b uint8) bool { return !slices.Contains(x.suspects, b) })
		x.suspects, since = nil, x.before
	}
	x.stamp = since
	if len(x.todo) == 0 {
		x.finish(now)
		return
	}
	x.s.counts.repairs++
	x.phase = listing
}

// finish notes that the stores are in step. Behind the first comparison the
// next comes soon: a message may have been between the lanes and the store
// when the link came up.
func (x *Sync) finish(now Now) {
	pause := x.s.opts.RepairEvery
	if !x.compared {
		x.compared, pause = true, soon
	}
	if !x.s.partial {
		x.inStep(x.stamp)
		x.tell = x.stamp
	}
	x.rest(now, pause)
}

// wants takes the topics of which the other side has nothing as late. It drops
// those that the other side must have deleted when this one was away.
func (x *Sync) wants(now Now, w Wants) error {
	if x.phase != answering {
		return nil // an answer that comes too late
	}
	if len(w.Wants)+len(x.wanted) > len(x.list.Keys) {
		return fmt.Errorf("%d wants out of a list of %d: %w", len(w.Wants), len(x.list.Keys), ErrImpossible)
	}
	x.progress(now)
	for _, v := range w.Wants {
		e := x.s.order.get(v.Topic)
		if e != nil && e.m != nil && v.Absent && x.outdated(e) {
			x.s.counts.outdated++
			x.s.forget(e, Forgot)
			continue
		}
		x.wanted = append(x.wanted, v.Topic)
	}
	return nil
}

// done takes the end of the other's answer.
func (x *Sync) done(now Now, d Done) {
	if x.phase == answering && d.Bucket == x.list.Bucket && d.Until == x.list.Until {
		x.answered = true
		x.progress(now)
	}
}

// supply returns what the other side wanted, and goes on when it has all.
func (x *Sync) supply(now Now) Message {
	if len(x.wanted) > 0 {
		x.progress(now)
		if m := x.s.items(&x.wanted); len(m.Messages) > 0 {
			return m
		}
	}
	if !x.answered {
		return nil
	}
	if x.list.Until == "" {
		x.todo = x.todo[1:]
	}
	if len(x.todo) == 0 {
		x.finish(now)
		return x.replies(now)
	}
	x.phase = listing
	return x.lead(now)
}

// itemBytes is what an item takes in a message beside its texts, at most.
const itemBytes = 64

// items takes the first of some topics and returns what is known of them, some
// ChunkBytes.
func (s *Store) items(topics *[]core.Topic) (out Items) {
	room := s.opts.ChunkBytes
	for len(*topics) > 0 {
		m := s.Item((*topics)[0])
		long := 0
		if m != nil {
			long = size(m) - overhead + itemBytes
		}
		if long > room && len(out.Messages) > 0 {
			break
		}
		*topics = (*topics)[1:]
		if m != nil {
			out.Messages = append(out.Messages, m)
			room -= long
		}
	}
	return out
}
