package strategy

import (
	"errors"

	"github.com/muster-mqtt/muster/discovery"
)

// pathOf is the path that an INVALID_CONFIG names.
func pathOf(err error) string {
	var e *discovery.Error
	if errors.As(err, &e) {
		return e.Path
	}
	return ""
}
