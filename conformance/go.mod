module github.com/muster-mqtt/muster/conformance

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0
	github.com/muster-mqtt/muster/transport v0.0.0
	go.uber.org/goleak v1.3.0
)

replace github.com/muster-mqtt/muster/transport => ../transport
