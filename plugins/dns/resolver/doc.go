// Package resolver asks name servers for A, AAAA and SRV records and keeps
// apart what the resolvers of standard libraries make one: that a name does
// not exist, that it has no such record, that a server failed, refused, was
// silent or talked nonsense. It tells how long an answer is good for.
package resolver
