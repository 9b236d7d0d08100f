package hocon

import "strings"

// concat resolves a concatenation: all text, all lists or all objects. Parts
// that are undefined add nothing, and with no other, not even white space,
// there is no value.
func (r *resolver) concat(sp spot, c *concat) (*Value, error) {
	var values, found []*Value // with the gaps, and without
	kind := String
	for _, n := range c.parts {
		v, err := r.beside(sp, n)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		values = append(values, v)
		if !isGap(n) {
			found = append(found, v)
			kind = max(kind, v.kind)
		}
	}
	switch {
	case len(values) == 0:
		return nil, nil
	case kind > String:
		return r.joinWhole(c.at, found)
	case len(values) == 1:
		return values[0], nil
	}
	return r.joinText(c.at, values)
}

// beside resolves one part of a concatenation. A list among them looks back as
// the whole does; on its own it would not.
func (r *resolver) beside(sp spot, n node) (*Value, error) {
	if l, ok := n.(*list); ok {
		defer r.look(sp)()
		return r.list(sp, l)
	}
	return r.value(sp, n)
}

func (r *resolver) joinText(at pos, values []*Value) (*Value, error) {
	size := 0
	for _, v := range values {
		size += len(v.text)
	}
	if err := r.fits(&Value{at: at, size: size}); err != nil {
		return nil, err
	}
	var b strings.Builder
	b.Grow(size)
	for _, v := range values {
		b.WriteString(v.text)
	}
	return scalarValue(String, at, b.String()), r.spend(at, size/64)
}

// joinWhole joins lists end to end, or merges objects from left to right.
func (r *resolver) joinWhole(at pos, found []*Value) (*Value, error) {
	out := newValue(found[0].kind, at)
	for i, v := range found {
		switch elems, ok := v.List(); {
		case out.kind == Object && v.kind == Object:
			out.lay(v)
		case ok && out.becomeList(i == 0):
			out.append(elems...)
		default:
			return nil, mismatch(found)
		}
		if err := r.spend(at, v.size/64+1); err != nil {
			return nil, err
		}
		if err := r.fits(&Value{at: at, size: out.size, depth: out.depth}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// mismatch names the first value that is of another sort than the first.
func mismatch(found []*Value) error {
	first, other := found[0], found[len(found)-1]
	for _, v := range found[1:] {
		if v.kind != first.kind && max(v.kind, first.kind) > String {
			other = v
			break
		}
	}
	return failure(other.at, "found %s beside %s, expected two texts, two lists or two objects", other.kind, first.kind)
}

// becomeList turns an object with whole-number keys into a list, so that
// elements may follow; v was made here and is seen by nobody else.
func (v *Value) becomeList(empty bool) bool {
	if v.kind == Object && !empty {
		elems, ok := v.List()
		if !ok {
			return false
		}
		*v = *newValue(List, v.at)
		v.append(elems...)
	}
	return v.kind == List
}
