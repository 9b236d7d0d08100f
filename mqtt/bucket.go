package mqtt

import "time"

// bucket is a token bucket: so many a second on average, a second's worth at
// once. The zero bucket lets everything through.
type bucket struct {
	rate  float64 // a second; 0: no limit
	level float64
	at    time.Time // of level
}

func newBucket(rate int, now time.Time) bucket {
	return bucket{rate: float64(rate), level: float64(rate), at: now}
}

// take takes n out and returns how long to wait before the next take: what is
// larger than the bucket is let through and paid for afterwards.
func (b *bucket) take(now time.Time, n int) time.Duration {
	if b.rate <= 0 {
		return 0
	}
	b.level = min(b.level+now.Sub(b.at).Seconds()*b.rate, b.rate) - float64(n)
	b.at = now
	if b.level >= 0 {
		return 0
	}
	return time.Duration(-b.level / b.rate * float64(time.Second))
}

// rates bound what a connection sends.
type rates struct{ messages, bytes bucket }

// newRates returns nil when there is no limit.
func newRates(o ListenerOptions, now time.Time) *rates {
	if o.MessageRate <= 0 && o.ByteRate <= 0 {
		return nil
	}
	return &rates{newBucket(o.MessageRate, now), newBucket(o.ByteRate, now)}
}

// take counts a packet and returns how long to read nothing.
func (r *rates) take(now time.Time, messages, bytes int) time.Duration {
	return max(r.messages.take(now, messages), r.bytes.take(now, bytes))
}
