package hocon

import "sort"

// numbered returns the values of whole-number keys in the order of these.
// Keys that are no numbers are left out; with none that is, there is no list.
func numbered(members []Member) ([]*Value, bool) {
	type entry struct {
		n int
		v *Value
	}
	var entries []entry
	for _, m := range members {
		if n, ok := keyNumber(m.Key); ok {
			entries = append(entries, entry{n, m.Value})
		}
	}
	sort.SliceStable(entries, func(i, j int) bool { return entries[i].n < entries[j].n })
	out := make([]*Value, len(entries))
	for i, e := range entries {
		out[i] = e.v
	}
	return out, len(out) > 0
}

// Over returns the members of v laid over those of under, key by key; both
// are objects, or else v is returned.
func (v *Value) Over(under *Value) *Value {
	if v.kind != Object || under.kind != Object {
		return v
	}
	return merged(under, v)
}

// merged returns under with the members of over laid upon them. Both are
// objects and stay as they are.
func merged(under, over *Value) *Value {
	out := newValue(Object, over.at)
	out.lay(under)
	out.lay(over)
	return out
}

// lay puts the members of an object upon those of v.
func (v *Value) lay(over *Value) {
	for _, m := range over.members {
		if old := v.Get(m.Key); old != nil && old.kind == Object && m.Value.kind == Object {
			m.Value = merged(old, m.Value)
		}
		v.add(m)
	}
}
