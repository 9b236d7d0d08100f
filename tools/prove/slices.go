package main

import "time"

// maxSlice is the longest that a slice may take.
const maxSlice = 30 * time.Minute

// slice is a set of commands that proves one thing.
type slice struct {
	name  string
	about string     // one sentence
	steps [][]string // commands, run in the root of the repository
}

// slices are all proofs, in the order in which they are listed.
var slices = []slice{
	{
		name:  "fuzz",
		about: "every fuzz target for one minute",
		steps: [][]string{{"make", "fuzz", "FUZZTIME=60s"}},
	},
	{
		name:  "hocon",
		about: "ten minutes of any text for the parser of configurations, less for its parts and for the schema, and its speed",
		steps: [][]string{
			{"go", "test", "-run", "^$", "-bench", "Parse", "-benchtime", "3s", "./config/hocon"},
			{"go", "test", "-run", "^$", "-fuzz", "^FuzzParse$", "-fuzztime", "10m", "-fuzzminimizetime", "5s", "./config/hocon"},
			{"go", "test", "-run", "^$", "-fuzz", "^FuzzSetting$", "-fuzztime", "3m", "-fuzzminimizetime", "5s", "./config/hocon"},
			{"go", "test", "-run", "^$", "-fuzz", "^FuzzProperties$", "-fuzztime", "3m", "-fuzzminimizetime", "5s", "./config/hocon"},
			{"go", "test", "-run", "^$", "-fuzz", "^FuzzLoad$", "-fuzztime", "5m", "-fuzzminimizetime", "5s", "./config"},
		},
	},
	{
		name:  "fuzz-packet",
		about: "any bytes for the MQTT decoder, ten minutes a target",
		steps: [][]string{
			fuzzing("FuzzStream", "10m", "./mqtt/packet"), fuzzing("FuzzBody", "10m", "./mqtt/packet"),
			fuzzing("FuzzProperties", "9m", "./mqtt/packet"),
		},
	},
	{
		name:  "fuzz-session",
		about: "any calls and any records for the session and its twin, ten minutes a target",
		steps: [][]string{
			fuzzing("FuzzTwin", "10m", "./mqtt/session"), fuzzing("FuzzApply", "10m", "./mqtt/session"),
			fuzzing("FuzzDecodeState", "9m", "./mqtt/session"),
		},
	},
	{
		name:  "fuzz-files",
		about: "any bytes for the journal and the messages in it, and for the files of users and rules",
		steps: [][]string{
			fuzzing("FuzzRecover", "10m", "./core/journal"), fuzzing("FuzzDecodeMessage", "9m", "./mqtt/session"),
			fuzzing("FuzzUsers", "5m", "./mqtt/access"), fuzzing("FuzzRules", "5m", "./mqtt/access"),
		},
	},
	{
		name:  "repeat",
		about: "every test five times over, in random order, and once more on one processor",
		steps: [][]string{
			{"make", "build"},
			{"go", "test", "-count=5", "-shuffle=on", "-timeout=25m", "work"},
			{"go", "test", "-count=1", "-cpu=1", "-timeout=25m", "work"},
		},
	},
	{
		name:  "cluster",
		about: "time to one cluster of 20 trials, ten kills, splits of 20 s of real processes, 10 s of hostile bytes",
		steps: [][]string{
			{"make", "build"},
			{"env", "MUSTER_PROVE=1", "go", "test", "-v", "-count=1", "-timeout=25m",
				"./cmd/e2e", "./cmd/e2e/config", "./cmd/e2e/split"},
		},
	},
	{
		name:  "chaos",
		about: "thousands of seeds of kills, restarts, cuts, joins and leaves on virtual time",
		steps: [][]string{{"env", "MUSTER_PROVE=1", "go", "test", "-count=1", "-timeout=25m", "-run=Chaos", "./core/node", "./core/membership"}},
	},
	{
		name:  "lanes",
		about: "100,000 seeded schedules of drop, duplicate, reorder, cut, stop and restart for the lane, on three kinds of links, and lanes broken by hand",
		steps: [][]string{{"env", "MUSTER_PROVE=1", "go", "test", "-v", "-count=1", "-timeout=25m", "-run=Schedules|Mutants", "./core/lane"}},
	},
	{
		name:  "conformance",
		about: "the suite of discovery plugins: the healthy one passes 20 times in a row, each of 26 broken ones fails its own cases and no others",
		steps: [][]string{
			{"env", "MUSTER_PROVE=1", "go", "test", "-v", "-count=1", "-timeout=28m", "-parallel=4", "./conformance/mutants"},
			{"go", "test", "-v", "-count=1", "./conformance/fixtures", "./conformance/cmd/..."},
		},
	},
	{
		name:  "plugins",
		about: "every plugin on every node, and on all at once, killed, stopped for a minute, starved of memory and killed every second for a minute, under MQTT load; what a plugin costs",
		steps: [][]string{
			{"make", "build"},
			{"env", "MUSTER_PROVE=1", "go", "test", "-v", "-count=1", "-timeout=24m", "./cmd/e2e/abuse"},
			{"go", "test", "-v", "-count=1", "-run", "Discovery|NoSecret", "./cmd/e2e"},
			{"go", "test", "-run", "^$", "-bench", "Plugin", "./core/pluginhost"},
		},
	},
	{
		name: "formation",
		about: "a thousand random first boots each of 3, 5 and 7 nodes in the simulator, every trial of formation 500 times, deciders broken by hand, " +
			"and every state of three nodes",
		steps: [][]string{
			{"env", "MUSTER_PROVE=1", "go", "test", "-v", "-count=1", "-timeout=10m", "./sim"},
			{"env", "MUSTER_PROVE=1", "go", "test", "-v", "-count=1", "-timeout=19m", "-run=Explore", "./core/autocluster"},
		},
	},
	{
		name: "strategies",
		about: "on real etcd a hundred first boots, thirty of four nodes with a kill, an outage of 120 s under load; by names, nodes that are blind " +
			"to each other for 30 s, a merge, and what name servers do wrong; time from start to one cluster by each strategy",
		steps: [][]string{
			{"env", "MUSTER_PROVE=1", "go", "test", "-v", "-count=1", "-timeout=18m", "./cmd/e2e/etcd"},
			{"env", "MUSTER_PROVE=1", "go", "test", "-v", "-count=1", "-timeout=6m", "./cmd/e2e/dns"},
			{"env", "MUSTER_PROVE=1", "go", "test", "-v", "-count=1", "-timeout=5m", "./cmd/e2e/formation"},
		},
	},
	{
		name: "k8s",
		about: "on a real Kubernetes API server: cold starts of pods that are not ready, the server down for 60 s, watches answered 410, a token revoked and rotated, " +
			"rights that are missing, a pod replaced, under load and without losing a member; the suite with pods and with EndpointSlices, five times; the fuzz targets",
		steps: [][]string{
			{"make", "kube-apiserver"},
			{"env", "MUSTER_PROVE=1", "go", "test", "-v", "-count=1", "-timeout=10m", "./cmd/e2e/k8s"},
			{"go", "test", "-v", "-count=5", "-timeout=10m", "./plugins/k8s"},
			{"go", "test", "-v", "-count=1", "-timeout=4m", "./plugins/k8s/pods", "./plugins/k8s/rest"},
			fuzzing("FuzzObjects", "1m", "./plugins/k8s/pods"), fuzzing("FuzzConfig", "1m", "./plugins/k8s/pods"), fuzzing("FuzzEvents", "1m", "./plugins/k8s/rest"),
		},
	},
	{
		name:  "race",
		about: "every test three times under the race detector",
		steps: [][]string{{"make", "race", "COUNT=3"}},
	},
	{
		name:  "durable",
		about: "a node killed at 200 random instants under load, a full disk, and any records for the recovery of sessions",
		steps: [][]string{
			{"env", "MUSTER_PROVE=1", "go", "test", "-v", "-count=1", "-timeout=15m", "./cmd/e2e/durable"},
			fuzzing("FuzzRecover", "10m", "./mqtt"),
		},
	},
	{
		name:  "links",
		about: "1000 cuts of links under load, on TCP and on NATS; NATS servers restarted ten times, connections to them cut 200 times; a node stopped for 60 s",
		steps: [][]string{
			{"env", "MUSTER_PROVE=1", "go", "test", "-v", "-count=1", "-timeout=5m", "./cmd/e2e/stall"},
			{"env", "MUSTER_PROVE=1", "go", "test", "-v", "-count=1", "-timeout=12m", "./cmd/e2e/cuts"},
			{"env", "MUSTER_PROVE=1", "go", "test", "-v", "-count=1", "-timeout=9m", "./cmd/e2e/nats"},
		},
	},
	{
		name:  "trust",
		about: "a million random frames without the cookie; 100,000 connections of noise at a port with TLS, strangers of every kind, certificates renewed; port mappers, Erlang's and ours",
		steps: [][]string{
			{"env", "MUSTER_PROVE=1", "go", "test", "-v", "-count=1", "-timeout=5m", "-run=RandomFrames", "./core/wire"},
			{"env", "MUSTER_PROVE=1", "go", "test", "-v", "-count=1", "-timeout=15m", "./cmd/e2e/tls", "./cmd/e2e/epmd"},
			fuzzing("FuzzHandshake", "3m", "./core/wire"), fuzzing("FuzzRecord", "2m", "./transport/epmd"), fuzzing("FuzzRequest", "2m", "./transport/epmd"),
		},
	},
	{
		name:  "bench",
		about: "what messages and connections cost, on one node and across three, beside other brokers",
		steps: [][]string{{"make", "bench"}},
	},
	{
		name:  "demo",
		about: "three nodes, one of them killed and brought back, ten times",
		steps: [][]string{
			{"make", "demo"}, {"make", "demo"}, {"make", "demo"}, {"make", "demo"}, {"make", "demo"},
			{"make", "demo"}, {"make", "demo"}, {"make", "demo"}, {"make", "demo"}, {"make", "demo"},
		},
	},
}

// fuzzing is the command for one fuzz target. One worker leaves the machine
// usable.
func fuzzing(target, time, dir string) []string {
	return []string{"go", "test", "-run", "^$", "-fuzz", "^" + target + "$", "-fuzztime", time, "-fuzzminimizetime", "5s", "-parallel=1", dir}
}
