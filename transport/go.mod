module github.com/muster-mqtt/muster/transport

go 1.26.0

