package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/muster-mqtt/muster/core"
	"github.com/muster-mqtt/muster/core/membership"
)

// Saved is what a node keeps of itself and its cluster between starts.
type Saved struct {
	UID         core.UID           `json:"uid"`
	Name        core.NodeID        `json:"name"`
	Incarnation core.Incarnation   `json:"incarnation"`
	Cluster     core.Cluster       `json:"cluster"`
	Merged      []core.UID         `json:"merged"` // clusters that were merged into it
	Left        bool               `json:"left"`   // by an operator's word; stays out until another
	Joined      core.Stamp         `json:"joined"`
	Now         core.Stamp         `json:"now"` // cluster time when written
	Nodes       []membership.Known `json:"nodes"`
	Entries     []membership.Entry `json:"entries"`
}

// DataDir is the data directory of a running node. One process holds it.
type DataDir struct {
	path string
	lock *os.File
}

// stateFile is the name of the file that holds Saved.
const stateFile = "node.json"

// ErrDirInUse says that another process holds the data directory.
var ErrDirInUse = errors.New("another node runs on this data directory")

// NameError says that a data directory belongs to a node of another name.
type NameError struct{ Dir, Has, Want string }

// Error tells what to do.
func (e *NameError) Error() string {
	return fmt.Sprintf("data directory %s belongs to %s, not to %s: start it under its own name, or give this node another node.data_dir",
		e.Dir, e.Has, e.Want)
}

// OpenDataDir locks the directory, making it if need be, and counts the start:
// the returned Saved has its uid and its new incarnation, both already on
// disk. A name that the operator wrote must be the one that the directory
// has; a defaulted one (configured false) follows the machine's address.
func OpenDataDir(path string, name core.NodeID, configured bool, rand io.Reader) (*DataDir, Saved, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, Saved{}, fmt.Errorf("data directory: %w", err)
	}
	d := &DataDir{path: path}
	if err := d.takeLock(); err != nil {
		return nil, Saved{}, err
	}
	s, err := d.start(name, configured, rand)
	if err != nil {
		_ = d.Close()
		return nil, Saved{}, err
	}
	return d, s, nil
}

// lockTime is how long a start waits for a process that is about to end: its
// lock is the last thing that goes, when "muster stop" has returned.
const lockTime, lockEvery = 300 * time.Millisecond, 10 * time.Millisecond

func (d *DataDir) takeLock() error {
	f, err := os.OpenFile(filepath.Join(d.path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if err := lock(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("%s: %w: stop it first, or give this node another node.data_dir", d.path, ErrDirInUse)
	}
	d.lock = f
	return nil
}

// lock waits for lockTime at most. Nobody tells that a lock has gone.
func lock(f *os.File) error {
	again := time.NewTicker(lockEvery)
	defer again.Stop()
	for limit := time.After(lockTime); ; {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-limit:
			return err
		}
	}
}

func (d *DataDir) start(name core.NodeID, configured bool, rand io.Reader) (Saved, error) {
	s, err := d.load()
	if err != nil {
		return Saved{}, err
	}
	if s.UID.IsZero() {
		if s.UID, err = core.NewUID(rand); err != nil {
			return Saved{}, err
		}
	}
	if s.Name != "" && s.Name != name && configured {
		return Saved{}, &NameError{Dir: d.path, Has: string(s.Name), Want: string(name)}
	}
	s.Name = name
	s.Incarnation++
	return s, d.Save(s)
}

func (d *DataDir) load() (Saved, error) {
	var s Saved
	file := filepath.Join(d.path, stateFile)
	raw, err := readBounded(file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("data directory: %w", err)
	}
	const advice = "restore it, or start with an empty node.data_dir"
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("%s: not readable at byte %d of %d: %w: %s", file, offsetOf(err), len(raw), err, advice)
	}
	if s.UID.IsZero() || s.Name == "" || s.Incarnation == 0 {
		return s, fmt.Errorf("%s: has no uid, name or incarnation: %s", file, advice)
	}
	return s, nil
}

// maxState bounds the file, in bytes: every node and entry that there may be.
const maxState = 16 << 20

func readBounded(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err == nil && len(raw) > maxState {
		err = fmt.Errorf("%s is longer than %d bytes", file, maxState)
	}
	return raw, err
}

// offsetOf is where a JSON text is wrong.
func offsetOf(err error) int64 {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return syntax.Offset
	case errors.As(err, &kind):
		return kind.Offset
	}
	return 0
}

// Save writes s so that a kill at any instant leaves either the old or the
// new contents, whole.
func (d *DataDir) Save(s Saved) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("save %s: %w", stateFile, err)
	}
	file := filepath.Join(d.path, stateFile)
	if err := writeSynced(file+".new", append(raw, '\n')); err != nil {
		return fmt.Errorf("save %s: %w", stateFile, err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		return fmt.Errorf("save %s: %w", stateFile, err)
	}
	return syncDir(d.path)
}

func writeSynced(file string, raw []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Path returns the directory.
func (d *DataDir) Path() string { return d.path }

// Close gives the directory up.
func (d *DataDir) Close() error { return d.lock.Close() }
