package mqtt

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/muster-mqtt/muster/core"
)

// fakeCluster is a cluster of one node that searches lists.
type fakeCluster struct {
	mu       sync.Mutex
	subs     []fakeSub
	retained map[core.Topic]*core.Message
	stamp    core.Stamp
	claims   []string
	turn     int  // of shared subscriptions
	hold     bool // keep accepted and visible in held
	held     []func()
	err      error         // of Publish
	block    bool          // Publish waits for its ctx
	gate     chan struct{} // Publish waits for it, or its ctx
	onClaim  func(id string)
	onSub    func() // after each Subscribe
	onRetain func() // before each Retained
	panicsOn core.Topic
	panicsAt core.Filter     // when it is unsubscribed
	log      []*core.Message // small ones
	journal  *fakeJournal    // may be nil
}

type fakeSub struct {
	s      core.Subscriber
	filter core.Filter
	group  string
	grant  core.Grant
}

var _ Cluster = (*fakeCluster)(nil)

func newFakeCluster() *fakeCluster {
	return &fakeCluster{retained: map[core.Topic]*core.Message{}}
}

func (f *fakeCluster) later(call func()) {
	f.mu.Lock()
	hold := f.hold
	if hold {
		f.held = append(f.held, call)
	}
	f.mu.Unlock()
	if !hold {
		call()
	}
}

func (f *fakeCluster) Subscribe(s core.Subscriber, sub core.Subscription, visible func()) {
	f.Unsubscribe(s, sub.Filter, sub.Group)
	f.mu.Lock()
	f.subs = append(f.subs, fakeSub{s, sub.Filter, sub.Group, sub.Grant})
	onSub := f.onSub
	f.mu.Unlock()
	if onSub != nil {
		onSub()
	}
	f.later(visible)
}

func (f *fakeCluster) Unsubscribe(s core.Subscriber, filter core.Filter, group string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	mine := func(x fakeSub) bool {
		return x.s.Number() == s.Number() && x.filter == filter && x.group == group
	}
	if filter == f.panicsAt && slices.ContainsFunc(f.subs, mine) {
		panic("another bug in the cluster")
	}
	f.subs = slices.DeleteFunc(f.subs, mine)
}

func (f *fakeCluster) Publish(ctx context.Context, m *core.Message, on core.Outcome) error {
	f.mu.Lock()
	err, block, gate := f.err, f.block, f.gate
	f.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	switch {
	case f.panicsOn != "" && m.Topic == f.panicsOn:
		panic("a bug in the cluster")
	case block:
		<-ctx.Done()
		return ctx.Err()
	case err != nil:
		return err
	}
	f.store(m)
	if f.journal != nil {
		f.journal.Hold()
		defer f.journal.Release()
	}
	matched := f.deliver(m)
	if on.Admitted != nil {
		on.Admitted()
	}
	if m.QoS > 0 && on.Accepted != nil {
		f.later(func() { on.Accepted(matched) })
	}
	return nil
}

// store keeps a retained message, and stamps it.
func (f *fakeCluster) store(m *core.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(m.Payload) < 1000 {
		f.log = append(f.log, m)
	}
	if !m.Retain {
		return
	}
	f.stamp++
	if m.Extra == nil {
		m.Extra = &core.Extra{}
	}
	m.Extra.Stamp = f.stamp
	if len(m.Payload) == 0 {
		delete(f.retained, m.Topic)
		return
	}
	f.retained[m.Topic] = m
}

func (f *fakeCluster) Retained(filter core.Filter, yield func(*core.Message) bool) {
	f.mu.Lock()
	onRetain := f.onRetain
	var found []*core.Message
	for t, m := range f.retained {
		if filter.Matches(t) {
			found = append(found, m)
		}
	}
	f.mu.Unlock()
	if onRetain != nil {
		onRetain()
	}
	slices.SortFunc(found, func(a, b *core.Message) int { return cmp.Compare(a.Topic, b.Topic) })
	for _, m := range found {
		if !yield(m) {
			return
		}
	}
}

func (f *fakeCluster) deliver(m *core.Message) (matched bool) {
	groups := map[string][]fakeSub{}
	for _, x := range f.match(m) {
		if x.group == "" {
			matched = true
			x.s.Deliver(m, x.grant)
			continue
		}
		key := x.group + "/" + string(x.filter)
		groups[key] = append(groups[key], x)
	}
	for _, members := range groups {
		matched = true
		f.offer(m, members)
	}
	return matched
}

// offer hands a message over to one of a group.
func (f *fakeCluster) offer(m *core.Message, members []fakeSub) {
	f.mu.Lock()
	f.turn++
	turn := f.turn
	f.mu.Unlock()
	for i := range members {
		x := members[(turn+i)%len(members)]
		if x.s.Offer(m, x.grant) {
			return
		}
	}
	x := members[turn%len(members)]
	x.s.Deliver(m, x.grant)
}

// match returns each subscriber once, with its grants merged, and every member
// of a group.
func (f *fakeCluster) match(m *core.Message) (found []fakeSub) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.subs {
		if !x.filter.Matches(m.Topic) || x.grant.NoLocal && x.s.ClientID() == m.Publisher {
			continue
		}
		i := slices.IndexFunc(found, func(y fakeSub) bool {
			return x.group == "" && y.group == "" && y.s.Number() == x.s.Number()
		})
		if i < 0 {
			found = append(found, x)
			continue
		}
		g := &found[i].grant
		g.QoS = max(g.QoS, x.grant.QoS)
		g.RetainAsPublished = g.RetainAsPublished || x.grant.RetainAsPublished
		g.IDs = append(slices.Clone(g.IDs), x.grant.IDs...)
	}
	return found
}

func (f *fakeCluster) Claim(clientID string, discard bool) core.Token {
	if f.onClaim != nil {
		f.onClaim(clientID)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stamp++
	f.claims = append(f.claims, clientID)
	return core.Token{Stamp: f.stamp}
}

func (f *fakeCluster) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeCluster) subscriptions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.subs)
}

func (f *fakeCluster) takeHeld() []func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	held := f.held
	f.held = nil
	return held
}

// published returns the payloads of what was published to a topic.
func (f *fakeCluster) published(t core.Topic) (payloads []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.log {
		if m.Topic == t {
			payloads = append(payloads, string(m.Payload))
		}
	}
	return payloads
}

// fakeJournal calls back when it is told to.
type fakeJournal struct {
	mu      sync.Mutex
	hold    bool // keep the callbacks in held
	held    []func()
	holding int
	records int
}

var _ core.Journal = (*fakeJournal)(nil)

func (j *fakeJournal) Append(byte, []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.records++
}

func (j *fakeJournal) Hold()    { j.add(1) }
func (j *fakeJournal) Release() { j.add(-1) }

func (j *fakeJournal) add(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.holding += n
}

func (j *fakeJournal) Written(done func()) {
	j.mu.Lock()
	hold := j.hold
	if hold {
		j.held = append(j.held, done)
	}
	j.mu.Unlock()
	if !hold {
		done()
	}
}

// write lets go what has been held, and what follows from it.
func (j *fakeJournal) write() {
	for {
		j.mu.Lock()
		held := j.held
		j.held = nil
		j.mu.Unlock()
		if len(held) == 0 {
			return
		}
		for _, done := range held {
			done()
		}
	}
}
