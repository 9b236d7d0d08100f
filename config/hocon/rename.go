package hocon

import (
	"slices"
	"strings"
)

// Renamed is one use of an older spelling.
type Renamed struct {
	Old, New string
	At       Origin // of the older key
}

// Rename moves every value at an older path to its newer path, and points the
// substitutions of t there too. Where t has both, the newer spelling wins as
// if it came later. aliases maps old to new, both dotted paths of plain keys;
// order gives the old ones in the order to take them.
func (t *Tree) Rename(order []string, aliases map[string]string) []Renamed {
	var done []Renamed
	for _, old := range order {
		from, to := strings.Split(old, "."), strings.Split(aliases[old], ".")
		for _, f := range t.root.take(from) {
			done = append(done, Renamed{Old: old, New: aliases[old], At: f.at.origin()})
			t.slide(to, f)
		}
	}
	eachSubst(t.root.stack, func(s *subst) { s.rename(order, aliases) })
	return done
}

// take removes the fields at path below f and returns them.
func (f *field) take(path []string) []*field {
	var out []*field
	for _, n := range f.stack {
		o, ok := n.(*object)
		if !ok || o.get(path[0]) == nil {
			continue
		}
		if len(path) == 1 {
			out = append(out, o.get(path[0]))
			o.drop(path[0])
			continue
		}
		sub := o.get(path[0])
		taken := sub.take(path[1:])
		if left, ok := sub.top().(*object); ok && len(taken) > 0 && len(sub.stack) == 1 && len(left.fields) == 0 {
			o.drop(path[0])
		}
		out = append(out, taken...)
	}
	return out
}

func (o *object) drop(key string) {
	o.fields = slices.DeleteFunc(o.fields, func(f *field) bool { return f.key == key })
	delete(o.index, key)
}

// slide puts the values of f at path, beneath those that stand there.
func (t *Tree) slide(path []string, f *field) {
	newer := t.root.take(path)
	for _, g := range append([]*field{f}, newer...) {
		for _, n := range g.stack {
			t.root.push(wrap(path, g.at, n))
		}
	}
}

func (s *subst) rename(order []string, aliases map[string]string) {
	for _, old := range order {
		from := strings.Split(old, ".")
		if len(s.path) >= len(from) && slices.Equal(s.path[:len(from)], from) {
			s.path = slices.Concat(strings.Split(aliases[old], "."), s.path[len(from):])
			return
		}
	}
}

func eachSubst(nodes []node, visit func(*subst)) {
	for _, n := range nodes {
		switch n := n.(type) {
		case *subst:
			visit(n)
		case *concat:
			eachSubst(n.parts, visit)
		case *list:
			eachSubst(n.elems, visit)
		case *object:
			for _, f := range n.fields {
				eachSubst(f.stack, visit)
			}
		}
	}
}
