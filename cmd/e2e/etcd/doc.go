// Package etcd holds the tests of whole clusters that find one another through
// a real etcd. It has no code of its own.
package etcd
