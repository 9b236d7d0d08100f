package hocon

import (
	"errors"
	"math"
)

// Resolve replaces every substitution of t. A path that the tree does not
// hold is looked up by env (nil: nothing); a value that may look back at an
// older one of its own field does, and a true cycle is an error.
func (t *Tree) Resolve(env func(name string) (string, bool)) (*Value, error) {
	r := &resolver{root: &t.root, env: env, states: map[*field]*state{}, busy: map[node]int{}, taint: math.MaxInt}
	v, err := r.field(&t.root)
	if err == nil && v == nil {
		v = newValue(Object, t.root.at)
	}
	return v, err
}

// resolver holds one Resolve.
type resolver struct {
	root   *field
	env    func(string) (string, bool)
	states map[*field]*state
	busy   map[node]int // objects and lists under way, with the depth
	depth  int          // of fields under way
	taint  int          // the lowest depth of a field that was read only in part
	work   int
}

// state is what the resolver knows of a field.
type state struct {
	limit int // values of the stack that may be seen: those below the one under way
	depth int // at which the limit was set
	done  bool
	value *Value
}

func (r *resolver) state(f *field) *state {
	s := r.states[f]
	if s == nil {
		s = &state{limit: len(f.stack)}
		r.states[f] = s
	}
	return s
}

// spend counts steps, so that no input takes more than its share of time.
func (r *resolver) spend(at pos, steps int) error {
	if r.work += steps; r.work > maxWork {
		return failure(at, "substitutions that take more than %d steps", maxWork)
	}
	return nil
}

// field returns the value of f, nil when it has none. While a value of f is
// under way only the older ones are seen, and then nothing that depends on
// them may be kept.
func (r *resolver) field(f *field) (*Value, error) {
	if len(f.stack) == 1 {
		if n, ok := f.stack[0].(*scalar); ok {
			return r.value(spot{}, n)
		}
	}
	s := r.state(f)
	if s.done && s.limit == len(f.stack) {
		return s.value, nil
	}
	if r.depth++; r.depth > maxChain {
		return nil, failure(f.at, "substitutions that lead to one another more than %d deep", maxChain)
	}
	outer := r.taint
	r.taint = math.MaxInt
	v, err := r.stack(f, s)
	if s.limit < len(f.stack) {
		r.taint = min(r.taint, s.depth)
	} else if err == nil && r.taint >= r.depth {
		s.done, s.value = true, v
		r.taint = math.MaxInt
	}
	r.taint = min(r.taint, outer)
	r.depth--
	return v, err
}

func (r *resolver) stack(f *field, s *state) (*Value, error) {
	acc := sight{open: true}
	for k := s.limit - 1; k >= 0 && acc.open; k-- {
		v, err := r.value(spot{f, k}, f.stack[k])
		if err != nil {
			return nil, err
		}
		if acc, err = r.under(acc, seen(v)); err != nil {
			return nil, err
		}
	}
	return acc.v, nil
}

// spot is one value in the stack of a field.
type spot struct {
	f *field
	k int
}

// value resolves n, which stands at sp; nil means that it is undefined. With a
// spot of no field nothing looks back.
func (r *resolver) value(sp spot, n node) (*Value, error) {
	if err := r.spend(n.place(), 1); err != nil {
		return nil, err
	}
	switch n := n.(type) {
	case *scalar:
		return scalarValue(n.kind, n.place(), n.text), nil
	case *object:
		return r.object(n)
	case *list:
		return r.list(spot{}, n)
	case *concat:
		return r.concat(sp, n)
	}
	defer r.look(sp)()
	return r.subst(n.(*subst))
}

// look hides the values at sp and above it, until undo.
func (r *resolver) look(sp spot) (undo func()) {
	if sp.f == nil {
		return func() {}
	}
	s := r.state(sp.f)
	old := *s
	s.limit, s.depth = sp.k, r.depth
	return func() { s.limit, s.depth = old.limit, old.depth }
}

// errCycle is in the error of a substitution that asks for the whole of an
// object or list that it stands in.
var errCycle = errors.New("a cycle")

// begin marks an object or list as under way. Whoever comes back to it has
// found a cycle, and what follows from that holds for this one way here.
func (r *resolver) begin(n node) (end func(), err error) {
	if depth, busy := r.busy[n]; busy {
		r.taint = min(r.taint, depth)
		return nil, errCycle
	}
	r.busy[n] = r.depth
	return func() { delete(r.busy, n) }, nil
}

func (r *resolver) object(o *object) (*Value, error) {
	end, err := r.begin(o)
	if err != nil {
		return nil, err
	}
	defer end()
	out := newValue(Object, o.at)
	out.members = make([]Member, 0, len(o.fields))
	for _, f := range o.fields {
		v, err := r.field(f)
		if err != nil {
			return nil, err
		}
		if v != nil {
			out.add(Member{Key: f.key, Value: v, at: f.at})
		}
	}
	return out, r.fits(out)
}

func (r *resolver) list(sp spot, l *list) (*Value, error) {
	end, err := r.begin(l)
	if err != nil {
		return nil, err
	}
	defer end()
	out := newValue(List, l.at)
	out.list = make([]*Value, 0, len(l.elems))
	for _, n := range l.elems {
		v, err := r.value(sp, n)
		if err != nil {
			return nil, err
		}
		if v != nil {
			out.append(v)
		}
	}
	return out, r.fits(out)
}

// fits refuses what would be too large when written out: substitutions may
// repeat a value any number of times.
func (r *resolver) fits(v *Value) error {
	switch {
	case v.size > maxResolved:
		return failure(v.at, "substitutions that make a value of more than %d bytes", maxResolved)
	case v.depth > 2*maxDepth:
		return failure(v.at, "substitutions that nest more than %d deep", 2*maxDepth)
	}
	return r.spend(v.at, len(v.members)+len(v.list))
}

// merge is merged with its cost counted.
func (r *resolver) merge(under, over *Value) (*Value, error) {
	out := merged(under, over)
	if err := r.spend(out.at, out.size/64); err != nil {
		return nil, err
	}
	return out, r.fits(out)
}
