// Package ring is a growing first-in first-out queue in one slice.
package ring

// smallest is the number of places of the first allocation; keep is the most
// that an empty ring holds on to.
const (
	smallest = 8
	keep     = 64
)

// Ring is a queue with access by position. The zero Ring is empty and holds
// no memory. Its user bounds it.
type Ring[T any] struct {
	buf  []T // len is a power of two
	head int
	n    int
}

// Len is the number of elements.
func (r *Ring[T]) Len() int { return r.n }

// At returns the element at position i, 0 being the oldest; i < Len.
func (r *Ring[T]) At(i int) *T { return &r.buf[(r.head+i)&(len(r.buf)-1)] }

// Push adds an element at the end.
func (r *Ring[T]) Push(v T) {
	if r.n == len(r.buf) {
		r.resize(max(2*r.n, smallest))
	}
	r.buf[(r.head+r.n)&(len(r.buf)-1)] = v
	r.n++
}

// Pop removes the oldest element; the ring must not be empty. Memory of an
// emptied ring that once was large is given back.
func (r *Ring[T]) Pop() T {
	v := *r.At(0)
	var zero T
	*r.At(0) = zero
	r.head = (r.head + 1) & (len(r.buf) - 1)
	r.n--
	if r.n == 0 && len(r.buf) > keep {
		*r = Ring[T]{}
	}
	return v
}

func (r *Ring[T]) resize(size int) {
	buf := make([]T, size)
	for i := range r.n {
		buf[i] = *r.At(i)
	}
	r.buf, r.head = buf, 0
}
