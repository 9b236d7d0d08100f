module github.com/muster-mqtt/muster/mqtt

go 1.26.0

require (
	github.com/coder/websocket v1.8.14
	github.com/eclipse/paho.mqtt.golang v1.5.1
	github.com/google/go-cmp v0.7.0
	github.com/muster-mqtt/muster/core v0.0.0
	go.uber.org/goleak v1.3.0
	golang.org/x/crypto v0.58.0
	pgregory.net/rapid v1.3.0
)

require (
	github.com/gorilla/websocket v1.5.3 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/sync v0.17.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/muster-mqtt/muster/core => ../core

replace github.com/muster-mqtt/muster/discovery => ../discovery

replace github.com/muster-mqtt/muster/transport => ../transport
