package node

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-mqtt/muster/transport"
)

// However many addresses call, no more than maxHush are named in a minute, and
// one that was named stays quiet for a minute whatever others do.
func TestHushIsBounded(t *testing.T) {
	h, now := hushed{}, time.Unix(1, 0)
	loud := 0
	for i := range 10 * maxHush {
		if !h.hush("h"+strconv.Itoa(i)+":1", 0, now) {
			loud++
		}
		if !h.hush("h0:2", 0, now) {
			t.Fatalf("named again after %d others", i)
		}
	}
	if loud != maxHush || len(h) != maxHush {
		t.Errorf("%d named, %d remembered", loud, len(h))
	}
	now = now.Add(hushFor)
	if h.hush("h0:1", 0, now) || h.hush("other:1", 0, now) || len(h) != 2 {
		t.Errorf("a minute later: %d remembered", len(h))
	}
}

// slowLink is a link of which bytes come, and never a whole frame.
type slowLink struct {
	transport.Link
	came uint64
}

func (s *slowLink) Came() uint64 { return s.came }

var _ counting = (*slowLink)(nil)

// The bytes of a frame that takes long are life; when no more come it is over.
func TestALongFrameIsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowLink{}
		l := &link{tl: s, began: time.Now()}
		for range 20 {
			time.Sleep(dataProbe)
			s.came++
			if !l.lives(time.Now(), dataSilence) {
				t.Fatal("silent while bytes come")
			}
		}
		time.Sleep(dataSilence)
		if !l.lives(time.Now(), dataSilence) {
			t.Error("silent too early")
		}
		time.Sleep(time.Millisecond)
		if l.lives(time.Now(), dataSilence) {
			t.Error("it lives without a byte")
		}
	})
}
