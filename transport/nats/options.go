package nats

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
)

// Options of a Transport. URLs, Cluster and UID are required.
type Options struct {
	// URLs are those of the servers, nats://host:port or with tls, ws or wss;
	// one is enough to find the other servers of a cluster.
	URLs []string
	// Cluster is the name of the cluster, part of every subject; any text of
	// 1 to 255 bytes.
	Cluster string
	// UID is the node's own, a UUID in its usual text form. Start is the number
	// of this start of the node, if known: of two processes with one UID the
	// later start goes on.
	UID   string
	Start uint64

	// Credentials is a file that proves to the server who the client is: a
	// user's JWT with its seed, or the seed of an NKey. It is read at each
	// connect. A user with its password, or a token, stands in a URL instead.
	Credentials string
	// CACert, Cert and Key are files in PEM, read at each connect. Any of them
	// asks for TLS, as does a URL with tls or wss.
	CACert, Cert, Key string
	// SkipVerify takes any certificate of a server.
	SkipVerify bool

	// MaxPending bounds the links that wait for Accept (256), MaxPerSource
	// those of them from one node (64), MaxLinks all links (4096).
	MaxPending, MaxPerSource, MaxLinks int
	// Logger hears of lost connections and of what the server denies; nil is
	// silent.
	Logger *slog.Logger
}

// ErrOptions says that an option has no meaning.
var ErrOptions = errors.New("bad transport option")

// maxCluster is the longest name of a cluster, in bytes.
const maxCluster = 255

func (o Options) withDefaults() Options {
	o.MaxPending = cmp.Or(o.MaxPending, 256)
	o.MaxPerSource = cmp.Or(o.MaxPerSource, 64)
	o.MaxLinks = cmp.Or(o.MaxLinks, 4096)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// check refuses what withDefaults could not mend.
func (o Options) check() error {
	switch {
	case len(o.URLs) == 0:
		return fmt.Errorf("%w: no URL of a NATS server", ErrOptions)
	case o.Cluster == "" || len(o.Cluster) > maxCluster:
		return fmt.Errorf("%w: a cluster name of %d bytes", ErrOptions, len(o.Cluster))
	case (o.Cert == "") != (o.Key == ""):
		return fmt.Errorf("%w: a certificate and its key belong together", ErrOptions)
	case o.MaxPending < 0 || o.MaxPerSource < 0 || o.MaxLinks < 0:
		return fmt.Errorf("%w: a bound is negative", ErrOptions)
	}
	return nil
}
