module github.com/muster-mqtt/muster/lab

go 1.26.0

