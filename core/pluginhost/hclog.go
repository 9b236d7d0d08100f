package pluginhost

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// internalLog carries what go-plugin says about itself into log, as debug:
// what matters to an operator is said by this package.
func internalLog(log *slog.Logger) hclog.Logger {
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: io.Discard, Level: hclog.Trace})
	l.RegisterSink(sink{log})
	return l
}

type sink struct{ log *slog.Logger }

var _ hclog.SinkAdapter = sink{}

// Accept implements hclog.SinkAdapter.
func (s sink) Accept(_ string, level hclog.Level, message string, args ...any) {
	if level < hclog.Debug || !s.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	s.log.Debug(oneLine("go-plugin: "+message, loggedLine), "fields", oneLine(fmt.Sprint(args...), loggedLine))
}
