package journal

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"
)

// op is one change of a memDir.
type op struct {
	what   string // open, write, truncate, sync, remove, syncdir
	name   string
	offset int64 // or the size
	data   []byte
}

// memDir is a directory in memory. It records every change, so that the
// directory as a kill at any instant would have left it can be made again.
type memDir struct {
	mu    sync.Mutex
	files map[string][]byte
	log   []op
	fail  func(op) error // asked before each change; nil: it works
	// short is how much of a write that fails is there all the same.
	short int
}

var _ directory = (*memDir)(nil)

func newMemDir() *memDir { return &memDir{files: map[string][]byte{}} }

// do makes a change; d.mu is held.
func (d *memDir) do(o op) error {
	if d.fail != nil {
		if err := d.fail(o); err != nil {
			if o.what == "write" {
				o.data = o.data[:min(d.short, len(o.data))]
				d.apply(o)
			}
			return err
		}
	}
	d.apply(o)
	return nil
}

func (d *memDir) apply(o op) {
	o.data = slices.Clone(o.data)
	d.log = append(d.log, o)
	content, exists := d.files[o.name]
	switch o.what {
	case "open":
		d.files[o.name] = content
	case "write":
		if end := int(o.offset) + len(o.data); end > len(content) {
			content = append(slices.Clone(content), make([]byte, end-len(content))...)
		}
		content = slices.Clone(content)
		copy(content[o.offset:], o.data)
		d.files[o.name] = content
	case "truncate":
		content = slices.Clone(content)
		content = append(content, make([]byte, max(int(o.offset)-len(content), 0))...)
		d.files[o.name] = content[:o.offset]
	case "remove":
		if exists {
			delete(d.files, o.name)
		}
	}
}

func (d *memDir) change(o op) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.do(o)
}

func (d *memDir) names() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.files)), nil
}

func (d *memDir) open(name string) (file, error) {
	return &memFile{d, name}, d.change(op{what: "open", name: name})
}

func (d *memDir) remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.files[name]; !ok {
		return fs.ErrNotExist
	}
	return d.do(op{what: "remove", name: name})
}

func (d *memDir) sync() error { return d.change(op{what: "syncdir"}) }

// length is the number of changes so far.
func (d *memDir) length() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.log)
}

type memFile struct {
	dir  *memDir
	name string
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	f.dir.mu.Lock()
	defer f.dir.mu.Unlock()
	content := f.dir.files[f.name]
	if off > int64(len(content)) {
		return 0, io.EOF
	}
	n := copy(b, content[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.dir.change(op{what: "write", name: f.name, offset: off, data: b}); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (f *memFile) Truncate(n int64) error {
	return f.dir.change(op{what: "truncate", name: f.name, offset: n})
}

func (f *memFile) Sync() error  { return f.dir.change(op{what: "sync", name: f.name}) }
func (f *memFile) Close() error { return nil }

func (f *memFile) size() (int64, error) {
	f.dir.mu.Lock()
	defer f.dir.mu.Unlock()
	content, ok := f.dir.files[f.name]
	if !ok {
		return 0, fs.ErrNotExist
	}
	return int64(len(content)), nil
}

// killed is the directory after the first n changes, and of the next one, if
// it is a write, the first bytes.
func (d *memDir) killed(n, bytes int) *memDir {
	left := newMemDir()
	for _, o := range d.log[:n] {
		left.apply(o)
	}
	if n < len(d.log) && d.log[n].what == "write" {
		o := d.log[n]
		o.data = o.data[:min(bytes, len(o.data))]
		left.apply(o)
	}
	left.log = nil
	return left
}

// unpowered is the directory after the first n changes and a loss of power:
// of what was not synced, each file keeps as many changes as keep says.
func (d *memDir) unpowered(n int, keep func(changes int) int) *memDir {
	names := map[string]bool{} // as the device has them
	inCore := map[string]bool{}
	pend := map[string][]op{}
	left := newMemDir()
	settle := func(name string, k int) {
		for _, o := range pend[name][:k] {
			left.apply(o)
		}
		pend[name] = pend[name][k:]
	}
	for _, o := range d.log[:n] {
		switch o.what {
		case "open":
			inCore[o.name] = true
		case "write", "truncate":
			pend[o.name] = append(pend[o.name], o)
		case "sync":
			settle(o.name, len(pend[o.name]))
		case "remove":
			delete(inCore, o.name)
		case "syncdir":
			names = maps.Clone(inCore)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(pend)) {
		settle(name, keep(len(pend[name])))
	}
	for name := range left.files {
		if !names[name] {
			delete(left.files, name)
		}
	}
	for name := range names {
		if _, exists := left.files[name]; !exists {
			left.files[name] = nil
		}
	}
	left.log = nil
	return left
}

var errFull = errors.New("no space left on device")
