# Everything CI does, a developer does with the same words.
GO    ?= go
# Without HTTP/2, which no city asks for: it takes 0.6 MB.
FLAGS := -trimpath -tags nethttpomithttp2 -ldflags '-s -w'
TOOL  := $(GO) tool -modfile=tools.mod

# Beside check, which runs the tests under the race detector, test runs nothing.
TEST := $(GO) test ./...
ifneq (,$(filter check,$(MAKECMDGOALS)))
TEST := @echo "test: check has run the tests"
endif

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' Makefile

demo: ## a simulated gateway and a city on this desk
	$(GO) run ./cmd/lamppost demo --for 30s --outage 10s

test: ## run the tests; needs no hardware, no network and no root
	$(TEST)

check: ## what a change must pass
	test -z "$$($(TOOL) gofumpt -l . | tee /dev/stderr)"
	$(GO) vet ./...
	$(GO) vet -tags system ./...
	$(GO) vet -tags mutant ./buffer
	$(TOOL) staticcheck ./...
	$(TOOL) staticcheck -tags system ./...
	cd buffer/faultdisk && $(GO) vet . && $(GO) mod tidy -diff
	$(GO) test -race -shuffle=on ./...
	GOARCH=386 $(GO) vet ./...
	GOARCH=386 $(GO) test -run 'Clock|Times|Grid|Bracket' ./agent/... ./buffer
	GOARCH=arm GOARM=6 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/lamppost
	GOARCH=arm64 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/lamppost
	$(GO) mod tidy -diff
	git diff --exit-code

system: ## what needs root and Debian: the emulated Pi, real brokers, kills, packages
	$(GO) test -tags system -count=1 -p 1 -timeout 50m -v -run 'TestSystem|TestBench|TestPackage' \
		./boards/... ./buffer/... ./cmd/lamppost

# How often a proof tries what: the sizes of a release, unless others are given.
PROOF_KILLS  ?= 10000
PROOF_STATES ?= 10000
PROOF_LIES   ?= 1000
PROOF_FLIPS  ?= 1000
PROOF_ROUNDS ?= 100
PROOF_CUTS   ?= 100

proof: ## what system does to the buffer, many times; writes RELIABILITY.md
	rm -f bin/proof.jsonl && mkdir -p bin
	export LAMPPOST_PROOF_LOG=$(CURDIR)/bin/proof.jsonl LAMPPOST_MATRIX=all \
		LAMPPOST_KILLS=$(PROOF_KILLS) LAMPPOST_STATES=$(PROOF_STATES) LAMPPOST_LIES=$(PROOF_LIES) \
		LAMPPOST_FLIPS=$(PROOF_FLIPS) LAMPPOST_ROUNDS=$(PROOF_ROUNDS) LAMPPOST_PI_CUTS=$(PROOF_CUTS); \
	status=0; \
	$(GO) test -tags system -count=1 -timeout 10h -v -run TestSystem ./buffer/proof || status=1; \
	$(GO) test -tags system -count=1 -timeout 10h -v -run TestSystemPi ./cmd/lamppost || status=1; \
	$(GO) run ./buffer/proof/report <bin/proof.jsonl >RELIABILITY.md && exit $$status

build: ## build for this machine into bin/
	CGO_ENABLED=0 $(GO) build $(FLAGS) -o bin/ ./cmd/lamppost ./cmd/city

pi: ## build for every Raspberry Pi into bin/
	CGO_ENABLED=0 GOOS=linux GOARCH=arm GOARM=6 $(GO) build $(FLAGS) -o bin/lamppost-armv6 ./cmd/lamppost
	CGO_ENABLED=0 GOOS=linux GOARCH=arm GOARM=7 $(GO) build $(FLAGS) -o bin/lamppost-armv7 ./cmd/lamppost
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 $(GO) build $(FLAGS) -o bin/lamppost-arm64 ./cmd/lamppost

dist: ## build binaries and Debian packages into dist/
	boards/raspberrypi/dist.sh dist

clean: ## remove what was built
	rm -rf bin dist

.PHONY: help demo test check system proof build pi dist clean
.DEFAULT_GOAL := help
