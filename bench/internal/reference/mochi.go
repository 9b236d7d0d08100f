package reference

import (
	"log/slog"
	"os"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
)

// mochiBroker is the embeddable broker of that name.
type mochiBroker struct{ s *mqtt.Server }

var _ broker = (*mochiBroker)(nil)

// newMochi leaves everything at its defaults except that everybody may come
// in, and that it tells nothing but errors.
func newMochi(s site) (broker, error) {
	config, err := s.serverTLS()
	if err != nil {
		return nil, err
	}
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	m := mqtt.New(&mqtt.Options{Logger: quiet})
	if err := m.AddHook(new(auth.AllowHook), nil); err != nil {
		return nil, err
	}
	all := []listeners.Config{{ID: "tcp", Address: s.addr}}
	if config != nil {
		all = append(all, listeners.Config{ID: "tls", Address: s.tlsAddr, TLSConfig: config})
	}
	for _, c := range all {
		if err := m.AddListener(listeners.NewTCP(c)); err != nil {
			return nil, err
		}
	}
	return &mochiBroker{m}, nil
}

// Start implements broker.
func (m *mochiBroker) Start() error { return m.s.Serve() }

// Stop implements broker.
func (m *mochiBroker) Stop() error { return m.s.Close() }
