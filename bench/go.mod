module github.com/muster-mqtt/muster/bench

go 1.26.0

