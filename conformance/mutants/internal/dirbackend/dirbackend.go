// Package dirbackend is a backend that is a directory: a file for each entry,
// claim and fault. It is what the mutants use, and the smallest example of
// what a fixture has to bring up.
package dirbackend

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Dir is a backend.
type Dir string

// Entry is a node in it.
type Entry struct {
	UID     string    `json:"uid"`
	Name    string    `json:"name"`
	Host    string    `json:"host"`
	Port    int       `json:"port"`
	Ready   bool      `json:"ready"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
}

// ErrAbsent says that there is no such claim or entry.
var ErrAbsent = errors.New("absent")

// Make makes an empty backend.
func (d Dir) Make() error {
	for _, sub := range []string{"entries", "claims", "faults"} {
		if err := os.MkdirAll(d.path(sub, ""), 0o700); err != nil {
			return err
		}
	}
	return nil
}

func (d Dir) path(sub, key string) string {
	if key == "" {
		return filepath.Join(string(d), sub)
	}
	return filepath.Join(string(d), sub, url.PathEscape(key))
}

// Put writes an entry under its uid.
func (d Dir) Put(e Entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return d.replace(d.path("entries", e.UID), text)
}

// replace writes a file in one step, so that nobody reads half of it.
func (d Dir) replace(path string, text []byte) error {
	f, err := os.CreateTemp(string(d), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}

// Delete removes an entry; an absent one is ErrAbsent.
func (d Dir) Delete(uid string) error { return absent(os.Remove(d.path("entries", uid))) }

func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrAbsent
	}
	return err
}

// Entries returns the entries that have not expired, in the order of their
// uids. Those that have are removed.
func (d Dir) Entries(now time.Time) ([]Entry, error) {
	files, err := os.ReadDir(d.path("entries", ""))
	if err != nil {
		return nil, err
	}
	var out []Entry
	for _, f := range files {
		path := filepath.Join(d.path("entries", ""), f.Name())
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		var e Entry
		if err = errors.Join(err, json.Unmarshal(text, &e)); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		if e.Expires.IsZero() || now.Before(e.Expires) {
			out = append(out, e)
			continue
		}
		if err := absent(os.Remove(path)); err != nil && !errors.Is(err, ErrAbsent) {
			return nil, err
		}
	}
	return out, nil
}

// Create makes a claim if there is none, in one step, and returns what stands.
func (d Dir) Create(key string, value []byte) ([]byte, error) {
	f, err := os.CreateTemp(string(d), ".claim-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(value)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	// A link is made whole or not at all, and never over another.
	if err := os.Link(f.Name(), d.path("claims", key)); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return d.Claimed(key)
}

// Replace makes a claim in place of any that stands, in one step.
func (d Dir) Replace(key string, value []byte) error { return d.replace(d.path("claims", key), value) }

// Claimed returns the claim of a key, or ErrAbsent.
func (d Dir) Claimed(key string) ([]byte, error) {
	text, err := os.ReadFile(d.path("claims", key))
	return text, absent(err)
}

// Unclaim removes a claim, or returns ErrAbsent.
func (d Dir) Unclaim(key string) error { return absent(os.Remove(d.path("claims", key))) }

// Claims returns the keys of all claims.
func (d Dir) Claims() ([]string, error) {
	files, err := os.ReadDir(d.path("claims", ""))
	var out []string
	for _, f := range files {
		key, bad := url.PathUnescape(f.Name())
		err = errors.Join(err, bad)
		out = append(out, key)
	}
	return out, err
}

// SetFault switches a fault. A reset happens once and is counted.
func (d Dir) SetFault(name string, on bool) error {
	switch {
	case name == "reset":
		f, err := os.OpenFile(d.path("faults", name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = f.WriteString(".")
		return errors.Join(err, f.Close())
	case on:
		return os.WriteFile(d.path("faults", name), nil, 0o600)
	}
	if err := absent(os.Remove(d.path("faults", name))); !errors.Is(err, ErrAbsent) {
		return err
	}
	return nil
}

// Has reports whether a fault is on.
func (d Dir) Has(fault string) bool {
	_, err := os.Stat(d.path("faults", fault))
	return err == nil
}

// Resets is how often the backend was reset.
func (d Dir) Resets() int {
	info, err := os.Stat(d.path("faults", "reset"))
	if err != nil {
		return 0
	}
	return int(info.Size())
}

// Keys returns the keys of entries.
func Keys(entries []Entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSpace(e.UID))
	}
	slices.Sort(out)
	return out
}
