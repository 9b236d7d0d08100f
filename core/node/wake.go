package node

import "time"

// Waker is a Source that may say when it is worth asking again before the
// time: its plugin is another process than before, or somebody wants to know
// whether its trouble is over.
type Waker interface {
	// Woken returns a channel that brings a value then; always the same one.
	Woken() <-chan struct{}
}

// wakePause is the least time between a poll and one at a Waker's word.
const wakePause = time.Second

// woken returns the channel of a source, nil for one that has none.
func woken(src Source) <-chan struct{} {
	if w, ok := src.(Waker); ok {
		return w.Woken()
	}
	return nil
}

// wakeFrom returns the moment from which a Waker is listened to after a poll:
// not before the backend wants to be asked again.
func wakeFrom(polled time.Time, err error) time.Time {
	return polled.Add(max(retryAfter(err), wakePause))
}
