// Package discovery is what the author of a discovery plugin imports. A plugin
// answers one question: where might other nodes be? Everything else — the
// process, the handshake, logging, errors on the wire, the death of the host —
// is done by Serve:
//
//	func main() { os.Exit(discovery.Serve(info, configure)) }
//
//	func configure(ctx context.Context, s discovery.Setup) (discovery.Configured, error) {
//		var c struct{ Addr string }
//		if err := s.Decode(&c); err != nil {
//			return discovery.Configured{}, err
//		}
//		return discovery.Configured{Strategy: &finder{c.Addr}}, nil
//	}
//
// The contract itself, for any language, is proto/v1/discovery.proto. Client
// is its other end, used by the host and by tests (package discoverytest).
// Unix only: a plugin relies on inherited descriptors and process groups.
package discovery
