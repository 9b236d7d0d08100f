module github.com/muster-mqtt/muster/plugins/static

go 1.26.0

require (
	github.com/muster-mqtt/muster/discovery v0.0.0
)

replace github.com/muster-mqtt/muster/discovery => ../../discovery
