// Package etcdtest runs real etcd servers inside a test, by etcd's own embed
// package, each behind a wire that can be cut, held up and reset. It is for
// tests and for the fixture program; the plugin never imports it.
package etcdtest
