package hocon

import (
	"encoding/json"
	"strconv"
)

// Kind is the type of a Value.
type Kind uint8

// The kinds of value. Whether a String is a duration, a size or a switch such
// as "on" is for the reader to say: see Duration, Size and ParseBool.
const (
	Null Kind = iota
	Bool
	Number
	String
	List
	Object
)

// String names the kind with its article, for messages.
func (k Kind) String() string {
	return [...]string{"null", "a boolean", "a number", "text", "a list", "an object"}[k]
}

// Value is a resolved value. It is immutable. A nil *Value is one that is not
// there; of its methods it has only Get.
type Value struct {
	kind    Kind
	at      pos
	text    string
	list    []*Value
	members []Member
	index   map[string]int // into members, by key; nil while there are few
	size    int            // bytes when written out, near enough
	depth   int
}

// Member is one key of an object.
type Member struct {
	Key   string
	Value *Value
	at    pos
}

// Origin returns the place of the key.
func (m Member) Origin() Origin { return m.at.origin() }

// Kind returns the type of v.
func (v *Value) Kind() Kind { return v.kind }

// Origin returns the place where v was written.
func (v *Value) Origin() Origin { return v.at.origin() }

// Text returns a scalar as it was written, without quotes; "" for others.
func (v *Value) Text() string { return v.text }

// Members returns the keys of an object in the order of their first mention.
// The caller must not change the slice.
func (v *Value) Members() []Member { return v.members }

// Get returns the value at path below v, or nil.
func (v *Value) Get(path ...string) *Value {
	for _, key := range path {
		if v == nil {
			return nil
		}
		i := v.find(key)
		if i < 0 {
			return nil
		}
		v = v.members[i].Value
	}
	return v
}

// List returns the elements of a list. An object with whole numbers as keys
// counts as one, in their order and without its other keys (specification,
// "Conversion of numerically-indexed objects to arrays"). The caller must not
// change it.
func (v *Value) List() ([]*Value, bool) {
	if v.kind == Object && len(v.members) > 0 {
		return numbered(v.members)
	}
	return v.list, v.kind == List
}

// Map returns an object as nested Go values: map[string]any, []any, string,
// bool, nil, and json.Number with the number as it was written.
func (v *Value) Map() map[string]any {
	out := make(map[string]any, len(v.members))
	for _, m := range v.members {
		out[m.Key] = m.Value.plain()
	}
	return out
}

func (v *Value) plain() any {
	switch v.kind {
	case Bool:
		return v.text == "true"
	case Number:
		return json.Number(v.text)
	case String:
		return v.text
	case Object:
		return v.Map()
	case List:
		out := make([]any, len(v.list))
		for i, e := range v.list {
			out[i] = e.plain()
		}
		return out
	}
	return nil
}

// find returns the index of a key, or -1.
func (v *Value) find(key string) int {
	if v.index != nil {
		if i, ok := v.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range v.members {
		if v.members[i].Key == key {
			return i
		}
	}
	return -1
}

func (v *Value) add(m Member) {
	v.depth = max(v.depth, m.Value.depth+1)
	if i := v.find(m.Key); i >= 0 {
		v.size += m.Value.size - v.members[i].Value.size
		v.members[i] = m
		return
	}
	v.size += len(m.Key) + m.Value.size
	v.members = append(v.members, m)
	switch {
	case v.index != nil:
		v.index[m.Key] = len(v.members) - 1
	case len(v.members) > few:
		v.index = make(map[string]int, cap(v.members))
		for i := range v.members {
			v.index[v.members[i].Key] = i
		}
	}
}

func newValue(kind Kind, at pos) *Value { return &Value{kind: kind, at: at, size: 16} }

func scalarValue(kind Kind, at pos, text string) *Value {
	v := newValue(kind, at)
	v.text = text
	v.size += len(text)
	return v
}

func (v *Value) append(elems ...*Value) {
	for _, e := range elems {
		v.list = append(v.list, e)
		v.size += e.size
		v.depth = max(v.depth, e.depth+1)
	}
}

func keyNumber(key string) (int, bool) {
	n, err := strconv.ParseUint(key, 10, 31)
	return int(n), err == nil
}
