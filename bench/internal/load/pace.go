package load

import "time"

// pace says when each message of one publisher is due. It is open-loop: a
// message that the broker held up is still counted from when it was due, so a
// stall is not hidden by the messages that it kept from being sent. What the
// generator's own timers were late by is not counted.
type pace struct {
	interval time.Duration // 0: as fast as possible
	first    time.Time
	woke     time.Time // when the publisher last rose from a wait
}

// newPace spreads the rate of a process evenly over its publishers.
func newPace(o Options, number int, started time.Time) pace {
	if o.Rate == 0 {
		return pace{}
	}
	publishers := o.publishers()
	interval := time.Duration(float64(time.Second) * float64(publishers) / float64(o.Rate))
	return pace{interval: interval, first: started.Add(interval * time.Duration(number) / time.Duration(publishers))}
}

// wait is how long it is until the message is due; 0 or less: send it.
func (p *pace) wait(seq uint64, now time.Time) time.Duration {
	if p.interval == 0 {
		return 0
	}
	return p.at(seq).Sub(now)
}

// due is the time from which the latency of a message counts that is sent now.
func (p *pace) due(seq uint64, now time.Time) time.Time {
	switch at := p.at(seq); {
	case p.interval == 0:
		return now
	case at.Before(p.woke):
		return p.woke
	default:
		return at
	}
}

func (p *pace) at(seq uint64) time.Time {
	return p.first.Add(time.Duration(seq-1) * p.interval)
}
