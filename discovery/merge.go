package discovery

// address tells candidates apart: two that share one are the same. A port of
// 0 stands for what the claimed name says, so the name belongs to it.
type address struct {
	Endpoint
	name string
}

func addressOf(e Endpoint, c Candidate) address {
	if e.Port != 0 {
		return address{Endpoint: e}
	}
	return address{Endpoint: e, name: c.ClaimedName}
}

// merge makes one candidate of all that share an endpoint, in the order of
// first appearance. The first of several hints stands.
func merge(in []Candidate) []Candidate {
	m := merger{at: make(map[address]int)}
	for _, c := range in {
		m.add(c)
	}
	var kept []Candidate
	for i, c := range m.out {
		if m.root(i) == i {
			kept = append(kept, c)
		}
	}
	return kept
}

type merger struct {
	out  []Candidate
	into []int           // index in out → where that one went, itself at first
	at   map[address]int // address → index in out, perhaps of one that went
}

func (m *merger) root(i int) int {
	for m.into[i] != i {
		i = m.into[i]
	}
	return i
}

func (m *merger) add(c Candidate) {
	i := len(m.out)
	m.out = append(m.out, Candidate{})
	m.into = append(m.into, i)
	fresh := c
	fresh.Endpoints = nil
	for _, e := range c.Endpoints {
		key := addressOf(e, c)
		if j, known := m.at[key]; known {
			i = m.join(m.root(i), m.root(j))
			continue
		}
		m.at[key] = i
		fresh.Endpoints = append(fresh.Endpoints, e)
	}
	m.absorb(m.root(i), fresh)
}

// join makes one of two candidates and returns the index that stands.
func (m *merger) join(a, b int) int {
	keep, drop := min(a, b), max(a, b)
	if keep != drop {
		m.into[drop] = keep
		m.absorb(keep, m.out[drop])
	}
	return keep
}

func (m *merger) absorb(i int, c Candidate) {
	o := &m.out[i]
	o.Endpoints = append(o.Endpoints, c.Endpoints...)
	o.ClaimedName = first(o.ClaimedName, c.ClaimedName)
	o.NodeUID = first(o.NodeUID, c.NodeUID)
	o.Readiness = first(o.Readiness, c.Readiness)
	o.Revision = first(o.Revision, c.Revision)
	for k, v := range c.Attributes {
		if o.Attributes == nil {
			o.Attributes = make(map[string]string)
		}
		o.Attributes[k] = first(o.Attributes[k], v)
	}
}

func first[T comparable](a, b T) T {
	var zero T
	if a != zero {
		return a
	}
	return b
}
