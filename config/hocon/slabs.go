package hocon

// slabs make the parts of a tree many at once: a large file is thousands of
// them, and they live as long as it does.
type slabs struct {
	scalars []scalar
	fields  []field
	objects []object
	lists   []list
	nodes   []node
	links   []*field
}

// maxSlab is how many are made at once, most of all.
const maxSlab = 256

// room returns s with room for n more, or a new slab.
func room[T any](s []T, n int) []T {
	if len(s)+n <= cap(s) {
		return s
	}
	return make([]T, 0, min(max(4, n, 2*cap(s)), maxSlab))
}

// one adds a value to a slab and returns where it is.
func one[T any](s *[]T, v T) *T {
	*s = append(room(*s, 1), v)
	return &(*s)[len(*s)-1]
}

// window cuts an empty slice with room for n out of a slab.
func window[T any](s *[]T, n int) []T {
	*s = room(*s, n)
	at := len(*s)
	*s = (*s)[:at+n]
	return (*s)[at : at : at+n]
}

// How much room a new object and list have; more is made when they outgrow it.
const (
	usualFields = 8
	usualElems  = 4
)

func (s *slabs) object(at pos) *object {
	return one(&s.objects, object{at: at, fields: window(&s.links, usualFields)})
}

func (s *slabs) list(at pos) *list {
	return one(&s.lists, list{at: at, elems: window(&s.nodes, usualElems)})
}

// fieldOf returns the field of a key of o and makes it where there is none.
func (s *slabs) fieldOf(o *object, key string, at pos) *field {
	f := o.get(key)
	if f == nil {
		f = one(&s.fields, field{key: key})
		o.add(f)
	}
	f.at = at
	return f
}

func (p *parser) scalar(s scalar) *scalar { return one(&p.slabs.scalars, s) }

// put assigns a value to a path below o.
func (p *parser) put(o *object, path []string, at pos, n node) {
	for i := len(path) - 1; i > 0; i-- {
		outer := &object{at: at}
		p.slabs.fieldOf(outer, path[i], at).push(n)
		n = outer
	}
	p.slabs.fieldOf(o, path[0], at).push(n)
}
