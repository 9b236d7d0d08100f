// Package registry is the etcd strategy: each node keeps an entry under
// /<prefix>/<cluster>/nodes/<node name>, bound to a lease, and the claim of the
// cluster stands under /<prefix>/<cluster>/claim. Everything is version 3 of
// etcd's API, by its own client.
package registry
