package core

// Cluster is the identity of a cluster. Its three parts are written once, at
// founding, so that any two nodes at any time order two clusters alike.
type Cluster struct {
	UID     UID   `json:"uid"`
	Claimed bool  `json:"claimed"` // the uid came from a backend's claim
	Founded Stamp `json:"founded"` // cluster time at the founding
}

// IsZero reports whether there is no cluster.
func (c Cluster) IsZero() bool { return c.UID.IsZero() }

// Compare orders two clusters for joining and merging: claimed before
// provisional, then the earlier founding, then the lower uid. Negative means
// that c is the one to keep; 0 means that they are the same cluster.
func (c Cluster) Compare(d Cluster) int {
	switch {
	case c.UID == d.UID:
		return 0
	case c.Claimed != d.Claimed:
		if c.Claimed {
			return -1
		}
		return 1
	case c.Founded != d.Founded:
		if c.Founded < d.Founded {
			return -1
		}
		return 1
	}
	return c.UID.Compare(d.UID)
}
