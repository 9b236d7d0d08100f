#!/bin/sh
# Makes discovery.pb.go and discovery_grpc.pb.go from discovery.proto.
# Needs protoc (Debian: protobuf-compiler 3.21); the two Go plugins are built
# at the versions named here, into a directory that is removed again.
set -eu
cd "$(dirname "$0")"
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
export GOBIN="$bin" GOWORK=off
go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
# The virtual path keeps the file's registered name unique in any process.
PATH="$bin:$PATH" protoc -I muster/discovery/v1=. -I /usr/include \
	--go_out=. --go_opt=module=github.com/muster-mqtt/muster/discovery/proto/v1 \
	--go-grpc_out=. --go-grpc_opt=module=github.com/muster-mqtt/muster/discovery/proto/v1 \
	muster/discovery/v1/discovery.proto
