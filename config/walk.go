package config

import (
	"errors"
	"fmt"

	"github.com/muster-mqtt/muster/config/hocon"
)

// walker compares the values with the schema and reads them.
type walker struct {
	*loader
	c        *Config
	defaults *hocon.Value
	searches int // for the nearest known key
}

// wrong records what is wrong with the key or value at a place.
func (w *walker) wrong(at hocon.Origin, path []string, err error) {
	w.fail(&hocon.Error{At: at, Msg: dotted(path) + ": " + err.Error(), Err: err})
}

// place is where the walker is.
type place struct {
	path []string
	id   string // that stands for the * of the schema
}

func (p place) below(name string, chosen bool) place {
	next := place{path: append(p.path[:len(p.path):len(p.path)], name), id: p.id}
	if chosen {
		next.id = name
	}
	return next
}

// object reads the members of an interior part of the tree.
func (w *walker) object(b *branch, v *hocon.Value, at place) {
	if v.Kind() != hocon.Object {
		w.wrong(v.Origin(), at.path, fmt.Errorf("found %s, expected an object", v.Kind()))
		return
	}
	if b.any != nil && len(v.Members()) > maxList {
		w.wrong(v.Origin(), at.path, fmt.Errorf("found %d entries, expected at most %d", len(v.Members()), maxList))
		return
	}
	for _, m := range v.Members() {
		next, chosen := b.under[m.Key], false
		if next == nil && b.any != nil {
			next, chosen = b.any, true
		}
		here := at.below(m.Key, chosen)
		if next == nil {
			w.unknown(m, here.path)
			continue
		}
		if chosen && !w.named(m, here) {
			continue
		}
		w.member(next, m, here)
		if chosen {
			w.complete(b, m, here)
		}
	}
}

func (w *walker) member(b *branch, m hocon.Member, at place) {
	switch {
	case b.key != nil:
		w.value(b.key, m.Value, at)
	case b.refused:
		if b.neutral == "" || shown(m.Value) != b.neutral {
			w.wrong(m.Origin(), at.path, notBuilt(at.path))
		}
	case b.whole:
		if m.Value.Kind() != hocon.Object {
			w.wrong(m.Value.Origin(), at.path, fmt.Errorf("found %s, expected an object", m.Value.Kind()))
			return
		}
		w.showAll(m.Value, at.path)
	case b.lacking:
		w.ignore(m, at.path)
	case b.path == "authentication" && m.Value.Kind() == hocon.List:
		if shown(m.Value) != "[]" { // which asks for nothing
			w.wrong(m.Origin(), at.path, errAuthenticators)
		}
		w.object(b, w.defaults.Get(at.path...), at)
	default:
		w.object(b, m.Value, at)
	}
}

// notBuilt says what to set instead, if there is something.
func notBuilt(path []string) error {
	if hint := instead[dotted(path)]; hint != "" {
		return fmt.Errorf("%w: %s", ErrNotBuilt, hint)
	}
	return ErrNotBuilt
}

// named checks a name that the operator chose.
func (w *walker) named(m hocon.Member, at place) bool {
	_, err := label(at.id)
	if err != nil {
		w.wrong(m.Origin(), at.path, fmt.Errorf("%w as its name", err))
	}
	return err == nil
}

// value reads one key.
func (w *walker) value(k *key, v *hocon.Value, at place) {
	if v.Kind() == hocon.Null {
		if !k.optional {
			w.wrong(v.Origin(), at.path, errors.New("found null, expected a value"))
		}
		return
	}
	if err := k.read(target{w.c, at.id, at.path}, v); err != nil {
		w.wrong(v.Origin(), at.path, err)
		return
	}
	if d := w.defaults.Get(at.path...); k.idle != "" && (d == nil || shown(d) != shown(v)) {
		w.warn("%s: %s %s", v.Origin(), dotted(at.path), k.idle)
	}
	w.show(v, at.path, *k)
}

// complete gives an entry that the operator named the defaults of its kind.
func (w *walker) complete(b *branch, m hocon.Member, at place) {
	if m.Value.Kind() != hocon.Object {
		return
	}
	template := append(at.path[:len(at.path)-1:len(at.path)-1], templates[b.path])
	w.fill(b.any, m, w.defaults.Get(template...), at)
}

// fill reads from the template what the member does not set.
func (w *walker) fill(b *branch, m hocon.Member, template *hocon.Value, at place) {
	for _, d := range template.Members() {
		here := at.below(d.Key, false)
		own := m.Value.Get(d.Key)
		switch next := b.under[d.Key]; {
		case next.key == nil:
			if own == nil || own.Kind() == hocon.Object {
				w.fill(next, hocon.Member{Value: orNothing(own)}, d.Value, here)
			}
		case own != nil:
		case required[next.key.path]:
			w.wrong(m.Origin(), at.path, errors.New(d.Key+" is missing"))
		default:
			w.value(next.key, d.Value, here)
		}
	}
}

// orNothing returns an object without members for one that is not there.
func orNothing(v *hocon.Value) *hocon.Value {
	if v == nil {
		return &hocon.Value{}
	}
	return v
}
