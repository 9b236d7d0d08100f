package tcp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/muster-mqtt/muster/transport"
)

// reason is why two sides did not come to a secure link. Its text is what it
// is counted by.
type reason string

// The reasons, all of them: the map that counts them is as long as this.
const (
	notTLS           reason = "not_tls"                  // something else than TLS, where we speak it
	tlsOnPlain       reason = "tls_without_ours"         // TLS, where we do not speak it
	otherProtocol    reason = "not_a_cluster_port"       // TLS for something else
	unknownAuthority reason = "unknown_authority"        // signed by none of ours
	notValidNow      reason = "certificate_expired"      // or not valid yet
	noCertificate    reason = "no_certificate"           // none was shown
	noHost           reason = "certificate_without_host" // it names none
	badCertificate   reason = "certificate_invalid"      // anything else about it
	refusedByPeer    reason = "refused_by_peer"          // an alert of the other side
	tooSlow          reason = "handshake_timeout"
	tooMany          reason = "handshakes_crowded" // made way for another
	cutOff           reason = "handshake_cut"      // the connection ended in it
	otherReason      reason = "handshake_failed"
)

// unexpectedMessage is how package tls names what alert says.
const unexpectedMessage = "tls: unexpected message"

// errTLSPeer ends a link at whose other side TLS is spoken.
var errTLSPeer error = tlsPeer{}

type tlsPeer struct{}

func (tlsPeer) Error() string { return advice[tlsOnPlain] }

// Unwrap says that these bytes were taken for the length of a frame, too.
func (tlsPeer) Unwrap() []error { return []error{transport.ErrUntrusted, transport.ErrFrameTooLong} }

// Reasons lists what Stats.Insecure counts by, sorted.
func Reasons() (out []string) {
	for _, r := range []reason{
		notTLS, tlsOnPlain, otherProtocol, unknownAuthority, notValidNow, noCertificate, noHost, badCertificate, refusedByPeer,
		tooSlow, tooMany, cutOff, otherReason,
	} {
		out = append(out, string(r))
	}
	slices.Sort(out)
	return out
}

// sort finds the reason of an error of a handshake.
func sort(err error) reason {
	var header tls.RecordHeaderError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var verification *tls.CertificateVerificationError
	var op *net.OpError
	switch {
	case errors.Is(err, errCrowded):
		return tooMany
	case errors.As(err, &header):
		return notTLS
	case errors.Is(err, errNoProtocol):
		return otherProtocol
	case errors.Is(err, errNoCertificate):
		return noCertificate
	case errors.Is(err, errNoNames):
		return noHost
	case errors.As(err, &unknown):
		return unknownAuthority
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return notValidNow
	case errors.As(err, &verification):
		return badCertificate
	case errors.As(err, &op) && op.Op == "remote error" && op.Err.Error() == unexpectedMessage:
		return notTLS
	case errors.As(err, &op) && op.Op == "remote error":
		return refusedByPeer
	case errors.Is(err, context.DeadlineExceeded):
		return tooSlow
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return cutOff
	}
	return otherReason
}

// advice says in an operator's words what to do, for the reasons for which
// that can be said.
var advice = map[reason]string{
	notTLS:           "the other side speaks no TLS: give both nodes the same node.proto_dist",
	tlsOnPlain:       "the other side speaks TLS, this node does not: give both nodes the same node.proto_dist",
	otherProtocol:    "the other side speaks TLS, but for something else: is that its cluster port?",
	unknownAuthority: "no authority in this node's node.ssl_dist.cacertfile has signed the certificate of the other side",
	notValidNow:      "renew node.ssl_dist.certfile of the other side, and see that the clocks of both are right",
	noCertificate:    "give the other side a node.ssl_dist.certfile",
	noHost:           "give the other side a certificate that names the host in its node.name",
	badCertificate:   "the certificate of the other side may not be used for this",
	refusedByPeer:    "the other side refuses this node's certificate, or the handshake: its log says why",
	tooSlow:          "the other side does not answer as TLS does: is that the cluster port of a node?",
	cutOff:           "the other side has ended the handshake: does it speak TLS?",
}

// lasting tells whether the reason is one that files or settings have to
// change for, so that trying again alone does not help.
func (r reason) lasting() bool {
	switch r {
	case tooSlow, tooMany, cutOff, otherReason:
		return false
	}
	return true
}

// refusals counts links that did not come to stand, and keeps the log from
// naming an address more than once a minute.
type refusals struct {
	mu     sync.Mutex
	counts map[string]uint64 // by reason
	quiet  map[hush]time.Time
}

// hush is what the log is quiet about.
type hush struct {
	host netip.Addr
	why  reason
}

// Bounds of the silence: what more addresses than that do within a minute is
// counted, but not logged.
const (
	hushFor = time.Minute
	maxHush = 1024
)

// note counts a refusal, and tells whether it is to be logged.
func (r *refusals) note(why reason, host netip.Addr, now time.Time) (loud bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts, r.quiet = map[string]uint64{}, map[hush]time.Time{}
	}
	r.counts[string(why)]++
	key := hush{host, why}
	if at, ok := r.quiet[key]; ok && now.Sub(at) < hushFor {
		return false
	}
	if len(r.quiet) >= maxHush {
		maps.DeleteFunc(r.quiet, func(_ hush, at time.Time) bool { return now.Sub(at) >= hushFor })
	}
	if len(r.quiet) >= maxHush {
		return false
	}
	r.quiet[key] = now
	return true
}

func (r *refusals) all() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts)
}

// refuse counts why a link does not stand, and returns the error that says so.
// A dialler has that to log; of one who called, nobody else would hear.
func (t *Transport) refuse(l *link, err error) error {
	why := sort(err)
	if t.refused.note(why, l.source, time.Now()) && l.inbound {
		level := slog.LevelWarn
		if why == cutOff { // as those do who only look whether the port is open
			level = slog.LevelDebug
		}
		t.opts.Logger.Log(context.Background(), level, "an unsafe link was refused", "remote", l.info.Remote, "reason", string(why), "error", err, "advice", advice[why])
	}
	if invalid := (x509.CertificateInvalidError{}); errors.As(err, &invalid) && why == notValidNow {
		// What package x509 says has the time in it: to a log it were news each time.
		err = fmt.Errorf("it is valid from %s to %s only", date(invalid.Cert.NotBefore), date(invalid.Cert.NotAfter))
	}
	kind := transport.ErrUnreachable
	if why.lasting() {
		kind = transport.ErrUntrusted
	}
	if text := advice[why]; text != "" {
		return fmt.Errorf("%w: %s (%w)", kind, text, cause(err))
	}
	return fmt.Errorf("%w: %w", kind, cause(err))
}
