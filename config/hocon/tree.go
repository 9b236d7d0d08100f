package hocon

// node is a value before its substitutions are resolved: *scalar, *list,
// *object, *concat or *subst.
type node interface{ place() pos }

// scalar is text, a number, a boolean or null.
type scalar struct {
	src  *source // with off its pos, laid out so that a large file takes less
	text string
	off  int32
	kind Kind
	raw  bool // written without quotes
	gap  bool // only white space between two parts of a concatenation
}

// list is a value in [ ].
type list struct {
	at    pos
	elems []node
	plain bool // holds no substitution
}

// object is a value in { }, its fields in the order of their first mention.
type object struct {
	at     pos
	fields []*field
	index  map[string]*field // nil while there are few
}

// concat is several values side by side, at least one not plain text.
type concat struct {
	at    pos
	parts []node
	grows bool // stands for +=: the last part is the list of what is added
}

// subst is ${path}, ${?path} or either with [] at its end.
type subst struct {
	at       pos
	path     []string
	within   []string // of the include that holds it: tried as a prefix first
	optional bool
	envList  bool
}

func (n *scalar) place() pos { return pos{n.src, n.off} }
func (n *list) place() pos   { return n.at }
func (n *object) place() pos { return n.at }
func (n *concat) place() pos { return n.at }
func (n *subst) place() pos  { return n.at }

// field is one key of an object with every value assigned to it that still
// matters, oldest first: a later one may look back at an earlier one, or be
// merged with it, once substitutions are known.
type field struct {
	key   string
	at    pos // of the latest mention of the key
	stack []node
	one   [1]node // where stack begins: most keys are mentioned once
}

// few is up to how many fields are searched one by one.
const few = 20

func newObject(at pos) *object { return &object{at: at} }

// get returns the field of a key, or nil.
func (o *object) get(key string) *field {
	if o.index != nil {
		return o.index[key]
	}
	for _, f := range o.fields {
		if f.key == key {
			return f
		}
	}
	return nil
}

// field returns the field of a key and makes it where there is none.
func (o *object) field(key string, at pos) *field {
	f := o.get(key)
	if f == nil {
		f = &field{key: key}
		o.add(f)
	}
	f.at = at
	return f
}

// add puts in a new field, whose key o does not have.
func (o *object) add(f *field) {
	o.fields = append(o.fields, f)
	switch {
	case o.index != nil:
		o.index[f.key] = f
	case len(o.fields) > few:
		o.index = make(map[string]*field, 2*few)
		for _, f := range o.fields {
			o.index[f.key] = f
		}
	}
}

// merge lays the fields of over upon those of o, which then owns them.
func (o *object) merge(over *object) {
	for _, from := range over.fields {
		o.field(from.key, from.at).pushAll(from.stack)
	}
	if len(over.fields) > 0 {
		o.at = over.at
	}
}

func (f *field) pushAll(stack []node) {
	for _, n := range stack {
		f.push(n)
	}
}

// push assigns a value. What can never be seen again is dropped: a list never
// looks back, even where it holds substitutions.
func (f *field) push(n node) {
	switch n := n.(type) {
	case *scalar, *list:
		f.stack = f.stack[:0]
	case *object:
		if f.mergeTop(n) {
			return
		}
	case *concat:
		if n.grows && f.growTop(n.parts[len(n.parts)-1].(*list)) {
			return
		}
	}
	if f.stack == nil {
		f.stack = f.one[:0]
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
	c, joined := f.top().(*concat)
	if joined && c.grows {
		top, ok = c.parts[len(c.parts)-1].(*list)
	}
	if !ok || !top.plain {
		return false
	}
	top.elems = append(top.elems, more.elems...)
	top.at = more.at // who changed it last
	if joined {
		c.at = more.at
	}
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
func wrap(path []string, at pos, n node) node {
	for i := len(path) - 1; i >= 0; i-- {
		o := newObject(at)
		o.field(path[i], at).push(n)
		n = o
	}
	return n
}

func treeOf(at pos, n node) *Tree {
	t := &Tree{root: field{at: at}}
	t.root.push(n)
	return t
}
