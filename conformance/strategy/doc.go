// Package strategy is the conformance suite of discovery plugins: the promises
// of the contract (discovery/proto/v1/discovery.proto), each as a case that
// starts the plugin as a node would and looks at it from outside. The same
// cases run from a Go test (Run with an in-process Fixture) and from the
// program muster-conformance (with a fixture program), for plugins in any
// language.
//
// A case either passes, fails with a sentence, or is skipped with a reason: a
// capability that the plugin does not declare, or a fault that the fixture
// cannot make. Nothing is tried again until it passes.
package strategy
