package hocon

// node is a value before its substitutions are resolved: *scalar, *list,
// *object, *concat or *subst.
type node interface{ origin() Origin }

// scalar is text, a number, a boolean or null.
type scalar struct {
	at   Origin
	kind Kind
	text string
	raw  bool // written without quotes
	gap  bool // only white space between two parts of a concatenation
}

// list is a value in [ ].
type list struct {
	at    Origin
	elems []node
	plain bool // holds no substitution
}

// object is a value in { }, its fields in the order of their first mention.
type object struct {
	at     Origin
	keys   []string
	fields map[string]*field
}

// concat is several values side by side, at least one not plain text.
type concat struct {
	at    Origin
	parts []node
	grows bool // stands for +=: the last part is the list of what is added
}

// subst is ${path}, ${?path} or either with [] at its end.
type subst struct {
	at       Origin
	path     []string
	within   []string // of the include that holds it: tried as a prefix first
	optional bool
	envList  bool
}

func (n *scalar) origin() Origin { return n.at }
func (n *list) origin() Origin   { return n.at }
func (n *object) origin() Origin { return n.at }
func (n *concat) origin() Origin { return n.at }
func (n *subst) origin() Origin  { return n.at }

// field is one key of an object with every value assigned to it that still
// matters, oldest first: a later one may look back at an earlier one, or be
// merged with it, once substitutions are known.
type field struct {
	at    Origin // of the latest mention of the key
	stack []node
}

func newObject(at Origin) *object { return &object{at: at, fields: map[string]*field{}} }

// field returns the field of a key and makes it where there is none.
func (o *object) field(key string, at Origin) *field {
	f := o.fields[key]
	if f == nil {
		f = &field{}
		o.fields[key] = f
		o.keys = append(o.keys, key)
	}
	f.at = at
	return f
}

// merge lays the fields of over upon those of o, which then owns them.
func (o *object) merge(over *object) {
	for _, key := range over.keys {
		from := over.fields[key]
		o.field(key, from.at).pushAll(from.stack)
	}
	if len(over.keys) > 0 {
		o.at = over.at
	}
}

func (f *field) pushAll(stack []node) {
	for _, n := range stack {
		f.push(n)
	}
}

// push assigns a value. What can never be seen again is dropped.
func (f *field) push(n node) {
	switch n := n.(type) {
	case *scalar:
		f.stack = f.stack[:0]
	case *list:
		if n.plain {
			f.stack = f.stack[:0]
		}
	case *object:
		if f.mergeTop(n) {
			return
		}
	case *concat:
		if n.grows && f.growTop(n.parts[len(n.parts)-1].(*list)) {
			return
		}
	}
	f.stack = append(f.stack, n)
}

func (f *field) top() node {
	if len(f.stack) == 0 {
		return nil
	}
	return f.stack[len(f.stack)-1]
}

func (f *field) mergeTop(n *object) (merged bool) {
	switch top := f.top().(type) {
	case *object:
		top.merge(n)
		return true
	case *scalar, *list:
		f.stack = f.stack[:0]
	}
	return false
}

// growTop adds the elements to a plain list on top, so that a long row of +=
// stays one list.
func (f *field) growTop(more *list) bool {
	if !more.plain {
		return false
	}
	top, ok := f.top().(*list)
	if c, grows := f.top().(*concat); grows && c.grows {
		top, ok = c.parts[len(c.parts)-1].(*list)
	}
	if !ok || !top.plain {
		return false
	}
	top.elems = append(top.elems, more.elems...)
	return true
}

// Tree is what was read, before its substitutions are resolved.
type Tree struct{ root field }

// Merge lays over upon t: objects merge key by key, any other value wins over
// what was there. It consumes over.
func (t *Tree) Merge(over *Tree) {
	t.root.pushAll(over.root.stack)
	if len(over.root.stack) > 0 {
		t.root.at = over.root.at
	}
}

// wrap puts a value at a path.
func wrap(path []string, at Origin, n node) node {
	for i := len(path) - 1; i >= 0; i-- {
		o := newObject(at)
		o.field(path[i], at).push(n)
		n = o
	}
	return n
}

func treeOf(at Origin, n node) *Tree {
	t := &Tree{root: field{at: at}}
	t.root.push(n)
	return t
}
