package node

import "time"

// The pace at which the data connection of one lane is dialled, measured from
// dial to dial.
const (
	redialFirst = 50 * time.Millisecond // at least; doubled for every dial that brought nothing
	redialMax   = dataProbe
)

// redial is when the data connection of a lane is dialled next. One that is lost
// is dialled anew at once, since its publishers wait; but a peer that refuses,
// or that accepts and closes, is dialled at a pace that harms nobody.
type redial struct {
	last  time.Time // the latest dial
	tries int       // dials since one that was worth it
	began progress  // where the lanes stood when the connection came up
}

// dialled takes note of a dial.
func (r *redial) dialled(now time.Time) {
	r.last = now
	r.tries++
}

// up takes note that the connection stands.
func (r *redial) up(at progress) { r.began = at }

// down takes note that the connection is gone, after it lived for so long. The
// dial was worth it if it lived for a while, or brought the lanes on.
func (r *redial) down(lived time.Duration, at progress) {
	if lived >= redialMax || at != r.began {
		r.tries = 0
	}
}

// pause is how long to wait until the next dial.
func (r *redial) pause(now time.Time) time.Duration {
	if r.last.IsZero() {
		return 0
	}
	gap := min(redialFirst<<min(max(r.tries-1, 0), 16), redialMax)
	return max(0, gap-now.Sub(r.last))
}

// progress is how far the two lanes of a pair have got.
type progress struct{ sent, received uint64 }

func (p *lanePair) progress() (at progress) {
	if p.out != nil {
		at.sent = p.out.base()
	}
	_, at.received = p.in.accepted()
	return at
}
