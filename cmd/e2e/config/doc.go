// Package config holds the tests of what operators bring along: the
// configurations of the manuals through the real binary, each compared with
// its golden file, and real nodes where a line is about running ones. It has
// no code of its own.
package config
