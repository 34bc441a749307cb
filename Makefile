# Jobgate. `make` alone lists the targets.

.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT ?= $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
BUILD := CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)'

# Tools, each at the version that its mod file pins. Their first run compiles them.
BUF := go tool -modfile=tools/buf.mod buf
LINT := go tool -modfile=tools/lint.mod golangci-lint

PLATFORMS := linux-amd64 linux-arm64 darwin-amd64 darwin-arm64

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

.PHONY: run
run: build ## build, and serve the built-in sandbox
	bin/jobgate serve --sandbox

.PHONY: build
build: ## build bin/jobgate, static
	$(BUILD) -o bin/jobgate ./cmd/jobgate

.PHONY: test
test: ## run all Go tests with the race detector, shuffled
	go mod download
	go test -race -shuffle=on -timeout 30m ./...

.PHONY: test-clients
test-clients: build ## prove the stubs of other languages, and GitLab's own clients, against the gateway
	clients/run

.PHONY: check
check: check-go check-lint check-proto check-gen check-mod ## all that needs no test: format, lint, contract, generated code

.PHONY: check-go
check-go:
	@unformatted=$$(find . -name '*.go' -not -path '*/node_modules/*' -not -path '*/.*/*' -print0 | xargs -0r gofmt -l); \
	if [[ -n $$unformatted ]]; then echo 'not formatted with gofmt:' $$unformatted; exit 1; fi
	go vet ./...

.PHONY: check-lint
check-lint:
	$(LINT) run

.PHONY: check-proto
check-proto:
	$(BUF) lint
	$(BUF) format -d --exit-code
	$(BUF) breaking --against proto/baseline.binpb

# Generated elsewhere and compared, so that it tells missing, changed and left-over files
# whatever git knows of them, and changes nothing.
.PHONY: check-gen
check-gen:
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	$(BUF) generate --output "$$fresh"; \
	diff -r "$$fresh/gen" gen || { echo 'gen/ is not what the protos say: make generate'; exit 1; }

.PHONY: check-mod
check-mod:
	go mod tidy -diff
	cd bench && go mod tidy -diff && go vet ./...

.PHONY: generate
generate: ## write gen/ anew from proto/
	$(BUF) generate

.PHONY: bench
bench: ## measure what the gateway costs, against its alternatives
	cd bench && go run .

.PHONY: teeth
teeth: ## prove that tests catch the faults they are for: each committed mutation must fail one
	tools/teeth/run

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME, 2000 executions by default (10m for ten minutes)
	tools/fuzz/run

.PHONY: soak
soak: ## 10,000 events under followed logs, 10,000 writes with faults, an outage at 500 calls a second
	go test -race -count=1 -v -timeout 1h -run TestSoak ./server/soak -soak.events 10000
	go test -count=1 -v -timeout 1h ./server/faults -faults.writes 10000 -faults.rate 500

.PHONY: check-deploy
check-deploy: ## check deploy/: chart, manifests, container file, proxies, unit, rules, and a replacement under load
	go test -count=1 ./deploy/...
	go test -count=1 -run TestRollingReplacement ./deploy/nginx -rolling.rounds 1
	cd tools/deploycheck && go vet ./... && go test -count=1 ./...

# The same source and the same Go make the same bytes, wherever and by whomever they are built:
# no paths, no time, and no settings of the builder's.
RELEASE := env GOFLAGS= GOAMD64=v1 GOARM64=v8.0 CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'
LARGEST := 41943040

.PHONY: release
release: ## build for all platforms into dist/, each with its SBOM, and SHA256SUMS
	rm -rf dist
	mkdir dist
	go build -o dist/sbom ./tools/sbom
	@for platform in $(PLATFORMS); do \
		file="dist/jobgate-$(VERSION)-$$platform"; \
		GOOS=$${platform%-*} GOARCH=$${platform#*-} $(RELEASE) -o "$$file" ./cmd/jobgate; \
		dist/sbom -version '$(VERSION)' -time "$$(git log -1 --format=%ct)" -o "$$file.spdx.json" "$$file"; \
		size=$$(stat -c %s "$$file"); \
		echo "$$file: $$size bytes"; \
		if ((size > $(LARGEST))); then echo "more than $(LARGEST) bytes"; exit 1; fi; \
	done
	rm dist/sbom
	cd dist && sha256sum jobgate-* > SHA256SUMS

.PHONY: check-release
check-release: ## prove that a release can be built again: once here, once elsewhere from nothing
	@once=$$(mktemp -d); trap 'chmod -R u+w "$$once"; rm -rf "$$once"' EXIT; \
	mkdir -p "$$once/another place"; \
	tar -c --exclude=node_modules --exclude=.git --exclude=./bin --exclude=./dist . | tar -x -C "$$once/another place"; \
	GOOS=linux GOARCH=amd64 $(RELEASE) -o "$$once/here" ./cmd/jobgate; \
	(cd "$$once/another place" && GOCACHE="$$once/cache" GOOS=linux GOARCH=amd64 $(RELEASE) -o "$$once/there" ./cmd/jobgate); \
	cmp "$$once/here" "$$once/there"; \
	echo "built twice, the same $$(stat -c %s "$$once/here") bytes"
