package pluginhost

import "time"

// backoff decides when a dead plugin is started again. Pure: time comes in.
type backoff struct {
	timers Timers
	deaths []time.Time // within the window, at most maxDeaths
	open   bool        // the circuit is broken
}

// died returns the delay before the next start. since is when the process
// had become ready, zero if it had not.
func (b *backoff) died(now, since time.Time) time.Duration {
	if !since.IsZero() && now.Sub(since) >= b.timers.Window {
		b.reset() // a whole window without trouble is forgiven
	}
	for len(b.deaths) > 0 && now.Sub(b.deaths[0]) >= b.timers.Window {
		b.deaths = b.deaths[1:]
	}
	b.deaths = append(b.deaths, now)
	if len(b.deaths) >= maxDeaths {
		b.open = true
		b.deaths = b.deaths[1:]
	}
	if b.open {
		return b.timers.Retry
	}
	return b.timers.Restart[min(len(b.deaths), len(b.timers.Restart))-1]
}

// reset forgets the past, at an operator's word.
func (b *backoff) reset() { b.deaths, b.open = nil, false }
