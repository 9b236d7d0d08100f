// Package pluginhost starts, checks, watches and restarts the process of one
// discovery strategy. A Host never gives up and never fails its node:
//
//	starting → ready → (death, hang) → restarting → starting …
//	                   ten deaths in a minute → broken: one try each minute
//	starting → refused: the configuration is wrong; waits for Enable
//
// The process is a group of its own, gets an environment by allow-list, and is
// killed as a group when it does not answer or does not go. go-plugin does
// the handshake and the encryption; starting, output, waiting and killing are
// ours, because go-plugin's own have no bounds.
package pluginhost
