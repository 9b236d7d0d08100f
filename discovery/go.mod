module github.com/muster-mqtt/muster/discovery

go 1.26.0

