// Package cli is the command line of muster: what each command is called,
// which flags it takes, how it finds its node, and what it prints. It asks the
// node through core/admin; to run one, and to read a configuration, it calls
// the functions that it is given.
package cli
