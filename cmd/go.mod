module github.com/muster-mqtt/muster/cmd

go 1.26.0

require (
	github.com/muster-mqtt/muster/core v0.0.0
	github.com/muster-mqtt/muster/discovery v0.0.0
	github.com/muster-mqtt/muster/transport v0.0.0
	github.com/muster-mqtt/muster/config v0.0.0
	github.com/muster-mqtt/muster/mqtt v0.0.0
)

replace github.com/muster-mqtt/muster/core => ../core
replace github.com/muster-mqtt/muster/discovery => ../discovery
replace github.com/muster-mqtt/muster/transport => ../transport
replace github.com/muster-mqtt/muster/config => ../config
replace github.com/muster-mqtt/muster/mqtt => ../mqtt
