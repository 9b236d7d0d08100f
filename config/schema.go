package config

import "strings"

// branch is a place in the tree of known keys.
type branch struct {
	under   map[string]*branch
	any     *branch // for names that the operator chooses
	key     *key
	refused bool   // not built
	neutral string // the refused key's value that asks for nothing
	lacking bool   // an older product's: warned about
	whole   bool   // a third-party plugin's: handed on as it is
	path    string // with * as in key.path
}

func newSchema() *branch {
	root := &branch{}
	for _, k := range keys() {
		root.at(k.path).key = &k
	}
	for path, neutral := range unbuilt {
		b := root.at(path)
		b.refused, b.neutral = true, neutral
	}
	for _, path := range lackingPaths() {
		root.at(path).lacking = true
	}
	for _, older := range olderSpellings {
		root.at(older).lacking = true // renamed before anything looks here
	}
	return root
}

// at returns the branch of a path and makes it where there is none.
func (b *branch) at(path string) *branch {
	for name := range strings.SplitSeq(path, ".") {
		next := b.under[name]
		if name == "*" {
			next = b.any
		}
		if next == nil {
			next = &branch{path: strings.TrimPrefix(b.path+"."+name, ".")}
			b.put(name, next)
		}
		b = next
	}
	return b
}

func (b *branch) put(name string, next *branch) {
	if b.under == nil {
		b.under = map[string]*branch{}
	}
	if name == "*" {
		b.any = next
	} else {
		b.under[name] = next
	}
}

func (b *branch) child(name string) *branch {
	if next := b.under[name]; next != nil {
		return next
	}
	return b.any
}

// leaf tells whether what is below is not for the schema to say.
func (b *branch) leaf() bool { return b.key != nil || b.refused || b.lacking || b.whole }

// mayHold tells whether a variable may set the path: a known key, a part of
// one, or what may be a third-party strategy's.
func (b *branch) mayHold(path []string) bool {
	for i, name := range path {
		next := b.child(name)
		if next == nil && b.path == "cluster" {
			return i < len(path)-1
		}
		if next == nil {
			return false
		}
		if next.leaf() {
			return true
		}
		b = next
	}
	return true
}
