// Package mcasttest gives the tests of this module a network to multicast on,
// and nodes that are not the plugin: they write frames by the table in
// README.md, with none of the plugin's code.
package mcasttest
