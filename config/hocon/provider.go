package hocon

import (
	"errors"
	"strings"

	"github.com/knadh/koanf/v2"
)

// Delim is what a koanf instance that holds values of this package must use
// between the parts of a path. koanf flattens its maps, so with "." the quoted
// key "a.b" and the path a.b would become one; no key may hold this character.
const Delim = "\x1f"

// Provider gives a resolved value to koanf. Files, layers and substitutions
// are done with by then: koanf alone could not resolve across its layers.
type Provider struct{ Value *Value }

var _ koanf.Provider = Provider{}

// ErrNoBytes is what ReadBytes returns: the tree is read whole, never parsed
// again.
var ErrNoBytes = errors.New("hocon: provider has no bytes, only values")

// ReadBytes always returns ErrNoBytes.
func (p Provider) ReadBytes() ([]byte, error) { return nil, ErrNoBytes }

// Read returns the value as nested maps. It is an error when the root is not
// an object, or when a key holds Delim.
func (p Provider) Read() (map[string]any, error) {
	if p.Value == nil {
		return nil, errors.New("hocon: provider has no value")
	}
	if p.Value.kind != Object {
		return nil, failure(p.Value.at, "found %s, expected an object at the root", p.Value.kind)
	}
	if err := checkKeys(p.Value); err != nil {
		return nil, err
	}
	return p.Value.Map(), nil
}

func checkKeys(v *Value) error {
	for _, e := range v.list {
		if err := checkKeys(e); err != nil {
			return err
		}
	}
	for _, m := range v.members {
		if strings.Contains(m.Key, Delim) {
			return failure(m.at, "found a control character in the key %q", m.Key)
		}
		if err := checkKeys(m.Value); err != nil {
			return err
		}
	}
	return nil
}
