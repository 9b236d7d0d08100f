package tcp

import (
	"crypto/x509"
	"encoding/pem"
	"slices"
	"time"
)

// span is a time within which a way holds, both ends included.
type span struct {
	since, until time.Time
	begun        time.Time // of the certificate that ends first
}

func (s span) contains(t time.Time) bool { return !t.Before(s.since) && !t.After(s.until) }

// spans are in order and apart; there is at least one.
type spans []span

// at returns the span that counts at a time: the one it is in, else the next,
// else the last.
func (s spans) at(now time.Time) span {
	for _, one := range s {
		if !now.After(one.until) {
			return one
		}
	}
	return s[len(s)-1]
}

// maxMoments bounds how often one chain is verified to learn when it holds.
const maxMoments = 32

// validity returns when other nodes take a chain: the spans of all ways from
// its first certificate up to an authority. What else is in the files, such as
// the authority's certificate before its renewal, does not count. Without any
// way there is an error.
func validity(chain, authorities []*x509.Certificate, use x509.ExtKeyUsage) (all spans, err error) {
	roots := poolOf(authorities)
	for _, at := range moments(chain, authorities) {
		ways, failed := ways(chain, roots, verification{use: use, at: at})
		if failed != nil && err == nil {
			err = failed
		}
		for _, way := range ways {
			all = append(all, spanOf(way))
		}
	}
	if len(all) > 0 {
		return joined(all), nil
	}
	return nil, err
}

// moments are when ways may begin to hold: the present, and the beginnings of
// certificates within the life of the first one.
func moments(chain, authorities []*x509.Certificate) (all []time.Time) {
	leaf := spanOf(chain[:1])
	all = []time.Time{leaf.since}
	if now := time.Now(); leaf.contains(now) {
		all = append(all, now)
	}
	var later []time.Time
	for _, c := range slices.Concat(chain, authorities) {
		if c.NotBefore.After(leaf.since) && leaf.contains(c.NotBefore) {
			later = append(later, c.NotBefore)
		}
	}
	slices.SortFunc(later, time.Time.Compare)
	later = slices.CompactFunc(later, time.Time.Equal)
	return append(all, later[:min(len(later), maxMoments-len(all))]...)
}

// spanOf is when all certificates of a way hold.
func spanOf(way []*x509.Certificate) span {
	s := span{since: way[0].NotBefore, until: way[0].NotAfter, begun: way[0].NotBefore}
	for _, c := range way[1:] {
		if c.NotBefore.After(s.since) {
			s.since = c.NotBefore
		}
		if c.NotAfter.Before(s.until) {
			s.until, s.begun = c.NotAfter, c.NotBefore
		}
	}
	return s
}

// joined puts spans in order, and makes one of those that meet: a certificate
// may begin in the second after the one before it.
func joined(all spans) (out spans) {
	slices.SortFunc(all, func(a, b span) int { return a.since.Compare(b.since) })
	for _, s := range all {
		last := len(out) - 1
		switch {
		case last < 0 || s.since.After(out[last].until.Add(time.Second)):
			out = append(out, s)
		case s.until.After(out[last].until):
			out[last].until, out[last].begun = s.until, s.begun
		}
	}
	return out
}

// certificates are those of a file that can be parsed, as package x509 takes
// them into a pool.
func certificates(text []byte) (all []*x509.Certificate) {
	for b, rest := pem.Decode(text); b != nil; b, rest = pem.Decode(rest) {
		if b.Type != "CERTIFICATE" || len(b.Headers) != 0 {
			continue
		}
		if c, err := x509.ParseCertificate(b.Bytes); err == nil {
			all = append(all, c)
		}
	}
	return all
}

func poolOf(all []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range all {
		pool.AddCert(c)
	}
	return pool
}
