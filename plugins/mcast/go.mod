module github.com/muster-mqtt/muster/plugins/mcast

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0
	github.com/muster-mqtt/muster/conformance v0.0.0
	github.com/muster-mqtt/muster/discovery v0.0.0
	github.com/muster-mqtt/muster/lab v0.0.0
	github.com/vishvananda/netlink v1.3.1
	go.uber.org/goleak v1.3.0
	golang.org/x/net v0.60.0
	golang.org/x/sys v0.49.0
	pgregory.net/rapid v1.3.0
)

require (
	github.com/fatih/color v1.13.0 // indirect
	github.com/golang/protobuf v1.5.4 // indirect
	github.com/hashicorp/go-hclog v1.6.3 // indirect
	github.com/hashicorp/go-plugin v1.8.0 // indirect
	github.com/hashicorp/yamux v0.1.2 // indirect
	github.com/mattn/go-colorable v0.1.12 // indirect
	github.com/mattn/go-isatty v0.0.17 // indirect
	github.com/muster-mqtt/muster/core v0.0.0 // indirect
	github.com/oklog/run v1.1.0 // indirect
	github.com/vishvananda/netns v0.0.5 // indirect
	golang.org/x/text v0.43.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260817212433-ac3dfec99bb1 // indirect
	google.golang.org/grpc v1.85.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace (
	github.com/muster-mqtt/muster/conformance => ../../conformance
	github.com/muster-mqtt/muster/core => ../../core
	github.com/muster-mqtt/muster/discovery => ../../discovery
	github.com/muster-mqtt/muster/lab => ../../lab
	github.com/muster-mqtt/muster/transport => ../../transport
)
