package hocon

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// sight is what a look at a path has found so far, newest value first.
type sight struct {
	v    *Value
	open bool // an older value may still add to it, or be it
}

func seen(v *Value) sight { return sight{v: v, open: v == nil || v.kind == Object} }

// under lays acc upon an older value.
func (r *resolver) under(acc, older sight) (sight, error) {
	switch {
	case acc.v == nil:
		return older, nil
	case older.v == nil || older.v.kind != Object:
		return sight{acc.v, older.open}, nil
	}
	out, err := r.merge(older.v, acc.v)
	return sight{out, older.open}, err
}

// subst resolves one substitution; nil means that it is undefined.
func (r *resolver) subst(s *subst) (*Value, error) {
	got, err := r.target(s, nil)
	if errors.Is(err, errCycle) {
		if s.optional {
			return nil, nil
		}
		return nil, failure(s.at, "${%.200s} asks for the whole of what it stands in: a cycle", pathText(s.path))
	}
	if err != nil || got.v != nil {
		return got.v, err
	}
	if v := r.fromEnv(s); v != nil || s.optional {
		return v, nil
	}
	return nil, failure(s.at, "${%.200s} is not set, or only by itself (${?%.200[1]s} may be missing)", pathText(s.path))
}

// target looks up the path of s with more behind it.
func (r *resolver) target(s *subst, more []string) (sight, error) {
	path := slices.Concat(s.within, s.path, more)
	if err := r.spend(s.at, len(path)); err != nil {
		return sight{}, err
	}
	if r.depth++; r.depth > maxChain {
		return sight{}, failure(s.at, "substitutions that lead to one another more than %d deep", maxChain)
	}
	defer func() { r.depth-- }()
	got, err := r.find(r.root, path)
	if err != nil || got.v != nil || len(s.within) == 0 {
		return got, err
	}
	return r.find(r.root, path[len(s.within):])
}

// fromEnv looks in the environment: ${X[]} is the list of X_0, X_1 and so on.
func (r *resolver) fromEnv(s *subst) *Value {
	name := strings.Join(s.path, ".")
	if r.env == nil || !s.envList {
		return r.variable(s.at, name)
	}
	out := newValue(List, s.at)
	for i := 0; i < maxChain; i++ {
		v := r.variable(s.at, name+"_"+strconv.Itoa(i))
		if v == nil {
			break
		}
		out.append(v)
	}
	if len(out.list) == 0 {
		return nil
	}
	return out
}

func (r *resolver) variable(at pos, name string) *Value {
	if r.env == nil {
		return nil
	}
	if text, ok := r.env(name); ok {
		return scalarValue(String, at, text)
	}
	return nil
}

// find looks up path below f, and resolves no more than it must: a value may
// refer to its neighbours.
func (r *resolver) find(f *field, path []string) (sight, error) {
	if len(path) == 0 {
		v, err := r.field(f)
		return seen(v), err
	}
	s := r.state(f)
	if s.limit < len(f.stack) {
		r.taint = min(r.taint, s.depth)
	}
	acc := sight{open: true}
	for k := s.limit - 1; k >= 0 && acc.open; k-- {
		layers := layersOf(f.stack[k])
		for i := len(layers) - 1; i >= 0 && acc.open; i-- {
			got, err := r.below(spot{f, k}, layers[i], path)
			if err != nil {
				return acc, err
			}
			if acc, err = r.under(acc, got); err != nil {
				return acc, err
			}
		}
	}
	return acc, nil
}

// layersOf splits ${base} { … } into its parts, oldest first. A concatenation
// with any other part is text or a list, and has nothing below it.
func layersOf(n node) []node {
	c, ok := n.(*concat)
	if !ok {
		return []node{n}
	}
	return slices.DeleteFunc(slices.Clone(c.parts), isGap)
}

func isGap(n node) bool { s, ok := n.(*scalar); return ok && s.gap }

// below looks up path below one value of a field.
func (r *resolver) below(sp spot, n node, path []string) (sight, error) {
	if err := r.spend(n.place(), 1); err != nil {
		return sight{}, err
	}
	switch n := n.(type) {
	case *object:
		if f := n.get(path[0]); f != nil {
			return r.find(f, path[1:])
		}
		return sight{open: true}, nil
	case *subst:
		defer r.look(sp)()
		return r.target(n, path)
	}
	return sight{}, nil
}
