package route

import "strings"

// shallow is the number of topic levels that need no allocation.
const shallow = 32

// level is one level of a topic.
type level struct {
	text string
	hash uint64
}

// visit calls hit for the live value of each filter that matches a topic.
// The work is bounded by the nodes of the trie that match a beginning of the
// topic: each is visited once.
func (a *arena[V]) visit(topic string, hit func(*entry[V], *V)) {
	a.hit(a.findExact(topic), hit)
	depth := int(a.depth.Load())
	var levelBuf [shallow]level
	levels, whole := a.split(levelBuf[:0], topic, depth)
	var todoBuf [shallow]branch
	todo := append(todoBuf[:0], branch{node: root})
	system := strings.HasPrefix(topic, "$") // [MQTT-4.7.2-1]
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for at.node != 0 {
			n := a.nodes.at(at.node)
			leading := system && at.level == 0
			if !leading {
				a.hit(n.rest.Load(), hit)
			}
			if at.level == len(levels) {
				if whole {
					a.hit(n.ends.Load(), hit)
				}
				break
			}
			l := levels[at.level]
			at.level++
			if plus := n.plus.Load(); plus != 0 && !leading {
				todo = append(todo, branch{node: plus, level: at.level})
			}
			at.node = a.child(at.node, l.text, l.hash)
		}
	}
}

// branch is a node still to be visited, and the number of levels above it.
type branch struct {
	node  uint32
	level int
}

// split appends the first levels of a topic, at most depth; whole tells that
// these are all.
func (a *arena[V]) split(levels []level, topic string, depth int) (_ []level, whole bool) {
	rest, more := topic, true
	for more && len(levels) < depth {
		var text string
		text, rest, more = strings.Cut(rest, "/")
		levels = append(levels, level{text: text, hash: a.hash(text)})
	}
	return levels, !more
}

func (a *arena[V]) hit(number uint32, hit func(*entry[V], *V)) {
	if number == 0 {
		return
	}
	e := a.entries.at(number)
	if v := e.value.Load(); v != nil {
		hit(e, v)
	}
}
