module github.com/muster-mqtt/muster/examples/demo

go 1.26.0

