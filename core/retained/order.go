package retained

import (
	"slices"
	"sort"

	"github.com/muster-mqtt/muster/core"
)

// order holds the entries sorted by topic, in blocks, so that an insertion
// moves little. A topic's subtree is one run of it: '/' sorts before every
// other byte.
type order struct {
	blocks [][]*entry // none is empty
}

// maxBlock is the most entries of a block.
const maxBlock = 256

// before orders topics; '/' is the lowest byte, since U+0000 is not allowed in
// a topic [MQTT-4.7.3-2].
func before(a, b core.Topic) bool {
	n := min(len(a), len(b))
	for i := range n {
		if x, y := a[i], b[i]; x != y {
			return x == '/' || y != '/' && x < y
		}
	}
	return len(a) < len(b)
}

// place is a position in an order.
type place struct{ block, at int }

// seek returns the place of the first entry that is not before the topic.
func (o *order) seek(t core.Topic) place {
	b := sort.Search(len(o.blocks), func(i int) bool { return before(t, o.blocks[i][0].topic) })
	if b == 0 {
		return place{}
	}
	block := o.blocks[b-1]
	at := sort.Search(len(block), func(i int) bool { return !before(block[i].topic, t) })
	if at == len(block) {
		return place{block: b}
	}
	return place{block: b - 1, at: at}
}

// entry returns the entry of a place, nil beyond the last.
func (o *order) entry(p place) *entry {
	if p.block >= len(o.blocks) {
		return nil
	}
	return o.blocks[p.block][p.at]
}

func (o *order) next(p place) place {
	if p.at++; p.at >= len(o.blocks[p.block]) {
		return place{block: p.block + 1}
	}
	return p
}

func (o *order) get(t core.Topic) *entry {
	if e := o.entry(o.seek(t)); e != nil && e.topic == t {
		return e
	}
	return nil
}

// insert adds an entry whose topic is not there.
func (o *order) insert(e *entry) {
	if len(o.blocks) == 0 {
		o.blocks = [][]*entry{{e}}
		return
	}
	p := o.seek(e.topic)
	if p.at == 0 && p.block > 0 { // rather at the end of the block before
		p = place{block: p.block - 1, at: len(o.blocks[p.block-1])}
	}
	block := slices.Insert(o.blocks[p.block], p.at, e)
	o.blocks[p.block] = block
	if len(block) > maxBlock {
		half := len(block) / 2
		o.blocks[p.block] = slices.Clone(block[:half])
		o.blocks = slices.Insert(o.blocks, p.block+1, slices.Clone(block[half:]))
	}
}

// remove takes out an entry that is there.
func (o *order) remove(e *entry) {
	p := o.seek(e.topic)
	block := slices.Delete(o.blocks[p.block], p.at, p.at+1)
	o.blocks[p.block] = block
	if next := p.block + 1; next < len(o.blocks) && len(block)+len(o.blocks[next]) < maxBlock/2 {
		o.blocks[p.block] = append(block, o.blocks[next]...)
		o.blocks = slices.Delete(o.blocks, next, next+1)
	}
	if len(o.blocks[p.block]) == 0 {
		o.blocks = slices.Delete(o.blocks, p.block, p.block+1)
	}
}
