package discovery

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// Decode reads the configuration into v, a pointer to a struct, as
// encoding/json does, but refuses keys that v does not have. Its errors are
// InvalidConfig with the path of the offending key.
func (s Setup) Decode(v any) error {
	raw := bytes.TrimSpace(s.Config)
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		raw = []byte("{}")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return decodeError(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return InvalidConfig("", "text after the configuration object")
	}
	return nil
}

func decodeError(err error) error {
	var classed *Error
	if errors.As(err, &classed) {
		return err // from an UnmarshalJSON of the author's
	}
	var typed *json.UnmarshalTypeError
	if errors.As(err, &typed) {
		return InvalidConfig(typed.Field, "a %s is not allowed here, want %s", typed.Value, typed.Type)
	}
	// encoding/json has no type for this error.
	if rest, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return InvalidConfig(strings.Trim(rest, `"`), "unknown key")
	}
	return InvalidConfig("", "not a JSON object: %v", err)
}
