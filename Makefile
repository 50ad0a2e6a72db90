# make test is what a change has to pass; the others are for working on it.

GO      ?= go
TOOL     = $(GO) tool -modfile=tools/go.mod
SOURCES  = $(shell git ls-files '*.go')

.PHONY: help run build test unit lint js e2e bench chaos fuzz screens vendor deps

help: ## this list
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t12

run: ## the hub on :8080
	$(GO) run .

build: ## bin/hubbub, static
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/hubbub .

test: deps lint unit js e2e ## everything, from a fresh clone; installs what it needs

unit: ## the Go tests, with the race detector, and once more on one processor
	@for tool in k6 artillery; do command -v $$tool >/dev/null || echo "NOT TESTED: there is no $$tool here, and its scripts in examples/ are not run"; done
	$(GO) test -race -timeout 8m ./...
	GOMAXPROCS=1 $(GO) test -timeout 5m ./hub ./client ./broker/...

lint: ## formatting, vet, staticcheck
	@unformatted="$$($(TOOL) gofumpt -l $(SOURCES))"; \
	if [ -n "$$unformatted" ]; then echo "gofumpt would change: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(TOOL) staticcheck ./...

js: deps build ## the client library in Node, its types, and its package
	cd sdk/js && npm ci --no-audit --no-fund --loglevel=error && npm test

e2e: deps build ## the pages in Chromium, as people who talk to each other
	cd e2e && npm ci --no-audit --no-fund --loglevel=error && npx playwright test

bench: build ## the figures of README
	$(GO) run ./internal/load/bench --hub bin/hubbub

chaos: deps build ## faults against real Redis servers, and whether any message was lost: the table of README
	$(GO) run ./internal/ledger/chaos --hub bin/hubbub

fuzz: ## the decoders, a minute each
	$(GO) test ./wire -run '^$$' -fuzz FuzzDecode -fuzztime 1m
	$(GO) test ./wire -run '^$$' -fuzz FuzzPipeKind -fuzztime 1m
	$(GO) test ./wire -run '^$$' -fuzz FuzzFrame -fuzztime 1m
	$(GO) test ./client -run '^$$' -fuzz FuzzReader -fuzztime 1m
	$(GO) test ./broker -run '^$$' -fuzz FuzzPush -fuzztime 1m
	$(GO) test ./broker -run '^$$' -fuzz FuzzCutBlob -fuzztime 1m
	$(GO) test ./broker -run '^$$' -fuzz FuzzPage -fuzztime 1m

# As in README with the Debian packages fonts-inter and fonts-noto-color-emoji.
screens: deps build ## screenshots of the pages in all their states, into web/testdata/screens
	cd e2e && npm ci --no-audit --no-fund --loglevel=error && npm run screens

vendor: ## what the pages use of others, anew into web/static/vendor
	sh tools/vendor.sh

deps:
	@sh tools/deps.sh
