// Package transport checks that an implementation of transport.Transport
// keeps the contract. It needs nothing of muster but this module and that of
// the contract, so that the author of a transport runs it from a test of their
// own:
//
//	func TestContract(t *testing.T) {
//		suite.Run(t, suite.Harness{
//			New: func(t testing.TB, n int) []transport.Transport { ... },
//			Refused: func(t testing.TB) string { ... },
//			Reliable: true, Ordered: true,
//		})
//	}
//
// Only New is needed. A case for what the Harness does not promise or cannot
// show is skipped and says which promise goes unchecked; fill in the rest until
// none is. Run the test with -race, and -count=20 once: most faults of a
// transport are races. Cases lists the promises one by one.
//
// Nothing is retried into passing, and a correct transport passes however slow
// the machine: waits end by what happens, and the time limits are for those
// that would never end. That the suite finds the faults that it is for is
// shown by broken transports in its own tests.
package transport

import (
	"testing"
	"time"

	"github.com/muster-mqtt/muster/transport"
)

// Harness tells the suite how to make the transport under test and what it
// promises beyond the contract.
type Harness struct {
	// New returns n transports that can reach each other. The suite closes
	// them; what else was opened for them belongs into t.Cleanup.
	New func(t testing.TB, n int) []transport.Transport
	// Refused returns an address where nobody listens and that says so.
	Refused func(t testing.TB) string
	// Silent returns an address from which no answer ever comes.
	Silent func(t testing.TB) string
	// MaxPending is how many links from one peer may wait for Accept at a
	// transport that New made; at most a few hundred, so that they can be
	// tried.
	MaxPending int
	// Reliable says that no frame is lost or doubled on a link that is up;
	// Ordered, that frames arrive in the order in which they were sent.
	Reliable, Ordered bool
	// Patience is how long the suite waits for what must happen (30 s).
	Patience time.Duration
}

// Case is one promise.
type Case struct {
	Name     string
	Sentence string // what is promised
	needs    need
	check    func(r *rig)
}

// need is what a case demands of a Harness.
type need int

const (
	needReliable need = 1 << iota
	needOrdered
	needRefused
	needSilent
	needMaxPending
)

// Run checks every case as a subtest of t. A case for something that h does
// not promise, or cannot show, is skipped and says so.
func Run(t *testing.T, h Harness) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) { c.Check(t, h) })
	}
}

// Check runs one case, for example in a testing/synctest bubble. It leaves
// nothing behind once the cleanups of t have run.
func (c Case) Check(t testing.TB, h Harness) {
	t.Helper()
	for _, lack := range h.lacks() {
		if c.needs&lack.need != 0 {
			t.Skipf("skip: %s: %s", lack.why, c.Sentence)
		}
	}
	if h.Patience == 0 {
		h.Patience = 30 * time.Second
	}
	c.check(&rig{TB: t, h: h, pulls: map[transport.Link]<-chan result[[]byte]{}})
}

// lack is a need that a Harness does not meet.
type lack struct {
	need need
	why  string
}

func (h Harness) lacks() []lack {
	all := map[lack]bool{
		{needReliable, "the transport may lose frames"}:            h.Reliable,
		{needOrdered, "the transport may reorder frames"}:          h.Ordered,
		{needRefused, "the harness has no address that refuses"}:   h.Refused != nil,
		{needSilent, "the harness has no address that is silent"}:  h.Silent != nil,
		{needMaxPending, "the harness names no bound for pending"}: h.MaxPending > 0,
	}
	var out []lack
	for l, met := range all {
		if !met {
			out = append(out, l)
		}
	}
	return out
}

// Cases returns all cases, in the order in which Run checks them.
func Cases() []Case {
	return []Case{
		{"addresses", "A link names its two ends, and Info never changes.", 0, addresses},
		{"binding", "Both ends of a link agree whether it is encrypted, and on an exporter that no other link has.", 0, binding},
		{"frames-intact", "Frames of 0 bytes to MaxFrame arrive unchanged, both ways.", 0, framesIntact},
		{"order", "Frames arrive once each and in order, sent singly or together.", needReliable | needOrdered, order},
		{"send-too-long", "A frame beyond MaxFrame is refused and ends the link on both sides.", 0, sendTooLong},
		{"receive-limit", "A frame beyond SetLimit is not delivered and ends the link; one at the limit arrives.", 0, receiveLimit},
		{"limit-raised", "SetLimit holds from the moment it is called, upwards too.", 0, limitRaised},
		{"sender-reuses", "The sender may overwrite a frame's bytes once Send has returned.", needReliable, senderReuses},
		{"receiver-owns", "Received bytes stay as they are until the next Receive.", needReliable | needOrdered, receiverOwns},
		{"full-duplex", "Both sides send and receive at once without waiting for each other.", needReliable, fullDuplex},
		{"close-unblocks-receive", "Close ends a waiting Receive on its own side.", 0, closeUnblocksReceive},
		{"peer-close", "Close ends a waiting Receive on the other side, and Send after it.", 0, peerClose},
		{"close-unblocks-send", "Close ends a Send that waits for a peer that does not read.", 0, closeUnblocksSend},
		{"peer-close-unblocks-send", "The peer's Close ends a Send that waits for it to read.", 0, peerCloseUnblocksSend},
		{"no-frame-after-close", "Receive returns no frame once Close has returned.", 0, noFrameAfterClose},
		{"close-twice", "Close may be called again, also at the same time, and says nothing.", 0, closeTwice},
		{"transport-close", "Closing a transport ends its links, accepted or not, and its methods.", 0, transportClose},
		{"transport-close-unblocks", "Closing a transport ends a waiting Accept and Dial.", needSilent, transportCloseUnblocks},
		{"dial-refused", "Dialling where nobody listens is refused, and the error names the address.", needRefused, dialRefused},
		{"dial-unreachable", "Dialling where nobody answers ends with the context as unreachable.", needSilent, dialUnreachable},
		{"dial-cancel", "Dial returns when its context is cancelled.", needSilent, dialCancel},
		{"accept-cancel", "Accept returns when its context is cancelled, and the transport works on.", 0, acceptCancel},
		{"accept-bound", "Links beyond the bound are refused while the others wait for Accept.", needMaxPending, acceptBound},
		{"many-links", "Many links at once each carry their own frames.", needReliable, manyLinks},
		{"no-goroutine-left", "After Close no goroutine is left.", 0, noGoroutineLeft},
	}
}
