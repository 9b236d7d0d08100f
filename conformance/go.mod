module github.com/muster-mqtt/muster/conformance

go 1.26.0

require (
	github.com/muster-mqtt/muster/transport v0.0.0
	github.com/muster-mqtt/muster/core v0.0.0
	github.com/muster-mqtt/muster/discovery v0.0.0
)

replace github.com/muster-mqtt/muster/transport => ../transport
replace github.com/muster-mqtt/muster/core => ../core
replace github.com/muster-mqtt/muster/discovery => ../discovery
