module github.com/muster-mqtt/muster/sim

go 1.26.0

require github.com/muster-mqtt/muster/core v0.0.0

replace (
	github.com/muster-mqtt/muster/core => ../core
	github.com/muster-mqtt/muster/discovery => ../discovery
	github.com/muster-mqtt/muster/transport => ../transport
)
