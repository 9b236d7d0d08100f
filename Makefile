# Targets with a ## comment are listed by "make". Which modules there are is
# said in go.work and nowhere else: "work" below is Go's own pattern for them.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help build tools check check-format check-vet check-lint check-house check-modules \
	check-generated fix test race fuzz prove bench demo conformance-docs conformance-reports kube-apiserver clean

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || cat VERSION 2>/dev/null || echo dev)
FUZZTIME ?= 10s
COUNT    ?= 1
SLICE    ?=

LDFLAGS  := -X main.version=$(VERSION)
GOBUILD  := CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)"
# The tools have a module apart, so that what they need lifts no version here.
TOOLS    := GOWORK=off go -C tools
# The modules that stay outside go.work.
APART     = $(CURDIR)/tools $(CURDIR)/examples/hello-strategy
MODULES   = $(shell go list -m -f '{{.Dir}}')
FIND     := find . \( -path ./.git -o -path ./bin -o -path ./build \) -prune -o
# What people wrote; generated code is left alone.
SOURCES   = $(shell $(FIND) -name '*.go' ! -name '*.pb.go' -print)
GENERATORS = $(shell $(FIND) -name generate.sh -print)
# The Kubernetes that the k8s strategy is tested against.
KUBERNETES = $(shell sed -nE 's/^require k8s.io\/kubernetes v(.+)/\1/p' conformance/kube/go.mod)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/muster, bin/muster-conformance, and one program in bin/plugins for each directory of plugins/
	@mkdir -p bin/plugins
	$(GOBUILD) -o bin/muster ./cmd/muster
	@for dir in plugins/*/; do \
		name=$$(basename "$$dir"); \
		echo "bin/plugins/muster-discovery-$$name"; \
		$(GOBUILD) -o "bin/plugins/muster-discovery-$$name" "./plugins/$$name"; \
	done
	$(GOBUILD) -o bin/muster-conformance ./conformance/cmd/muster-conformance

tools:
	@mkdir -p build/tools
	@$(TOOLS) build -o $(CURDIR)/build/tools/ honnef.co/go/tools/cmd/staticcheck ./noskip ./prove

check: check-format check-vet check-lint check-house check-modules check-generated ## everything that reads the sources and changes nothing
	@echo "check: all is well"

check-format:
	@echo "check: format"
	@unformatted=$$(gofmt -s -l $(SOURCES)); \
	if [ -n "$$unformatted" ]; then echo "gofmt -s would change (make fix does):"; echo "$$unformatted"; exit 1; fi

check-vet:
	@echo "check: vet"
	@go vet work
	@$(TOOLS) vet ./...

check-lint: tools
	@echo "check: staticcheck"
	@build/tools/staticcheck work

# The go command cannot know that the whole tree is an input of these tests, so
# it must not answer from its cache.
check-house:
	@echo "check: house rules"
	@$(TOOLS) test -count=1 ./...

# What is linked is thrown away, so that it needs no debug information.
check-modules:
	@printf '%s\n' $(MODULES) $(APART) | xargs -P "$$(nproc)" -I DIR bash -eu -c '\
		dir=DIR; echo "check: module $${dir#$(CURDIR)/} alone"; \
		GOWORK=off go -C "$$dir" build -ldflags=-w -o /dev/null ./...; \
		GOWORK=off go -C "$$dir" vet ./...; \
		GOWORK=off go -C "$$dir" mod tidy -diff'

# Each generator is run on a copy, and the copy compared. The version of protoc
# stands in a comment of the output; it may differ.
check-generated:
	@if ! command -v protoc >/dev/null; then \
		echo "check: generated code was not compared, because protoc is not installed (.ci/install does)"; exit 0; \
	fi; \
	for script in $(GENERATORS); do \
		dir=$$(dirname "$$script"); echo "check: generated code in $$dir"; \
		copy=$$(mktemp -d); trap 'rm -rf "$$copy"' EXIT; \
		cp -R "$$dir/." "$$copy"; (cd "$$copy" && ./generate.sh); \
		diff -r -I '^//.*protoc ' "$$dir" "$$copy"; \
		rm -rf "$$copy"; \
	done

fix: ## format, tidy and generate: the only target that writes sources
	gofmt -s -w $(SOURCES)
	@if command -v protoc >/dev/null; then \
		for script in $(GENERATORS); do "$$script"; done; \
	else echo "generated code is as it was: protoc is not installed"; fi
	@for dir in $(MODULES) $(APART); do GOWORK=off go -C "$$dir" mod tidy; done

# -count=1, as some tests run what is in bin/, which the go command's cache of
# results does not see change. noskip fails the run on a skip in CI only.
test: build tools ## every test once, in under 10 minutes on 2 cores
	go test -count=1 -timeout 10m -json work | build/tools/noskip
	GOWORK=off go -C examples/hello-strategy test -count=1 ./...

race: build tools ## the same under the race detector; COUNT=n times
	go test -race -count=$(COUNT) -timeout 25m -json work | build/tools/noskip

fuzz: ## each fuzz target for FUZZTIME (10s)
	@for file in $$(grep -rlE --include='*_test.go' --exclude-dir=tools '^func Fuzz' . | sort); do \
		for name in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$$file"); do \
			echo "fuzz: $$(dirname "$$file") $$name"; \
			go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")"; \
		done; \
	done

prove: tools ## one slice of the long proofs: SLICE=name; without it, the list of them
	@build/tools/prove . "$(SLICE)"

bench: build ## what messages and connections cost, beside other brokers, and what a lane between two nodes carries
	go run ./bench/brokers
	go run ./bench/lane

demo: build ## three nodes on this machine become one broker; one dies and returns
	go run ./examples/demo

conformance-reports: build ## conformance/reports, written anew
	@mkdir -p build/outsiders
	GOWORK=off CGO_ENABLED=0 go -C examples/hello-strategy build -trimpath -buildvcs=false -o $(CURDIR)/build/outsiders/muster-discovery-hello .
	examples/hello-strategy-python/build.sh build/outsiders/muster-discovery-hello-python
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -o build/outsiders/muster-discovery-static ./plugins/static
	bin/muster-conformance --plugin build/outsiders/muster-discovery-static --fixture conformance/fixtures/static.sh --json conformance/reports/static.json
	bin/muster-conformance --plugin build/outsiders/muster-discovery-hello --fixture examples/hello-strategy/fixture.sh --json conformance/reports/hello-go.json
	bin/muster-conformance --plugin build/outsiders/muster-discovery-hello-python --fixture examples/hello-strategy/fixture.sh --json conformance/reports/hello-python.json

conformance-docs: ## the table of cases in docs/conformance.md
	go test ./conformance/cmd/muster-conformance -run TestPage -update

# Built once for each version: 10 minutes of CPU, 2 GB of memory at its peak.
kube-apiserver: ## the API server and controllers of Kubernetes, into build/cache
	@mkdir -p build/cache
	@for name in kube-apiserver kube-controller-manager; do \
		file=$(CURDIR)/build/cache/$$name-$(KUBERNETES); \
		if [ -e "$$file" ]; then continue; fi; \
		echo "building $$name $(KUBERNETES)"; \
		GOWORK=off CGO_ENABLED=0 go -C conformance/kube build -trimpath -ldflags "-s -w" -o "$$file.new" "k8s.io/kubernetes/cmd/$$name"; \
		mv "$$file.new" "$$file"; \
	done

clean: ## remove what was built
	rm -rf bin build
