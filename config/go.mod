module github.com/muster-mqtt/muster/config

go 1.26.0

