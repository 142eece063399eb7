.PHONY: help run test test-short soak test-deploy setup lint stage release bench

# As the cloud builds the functions: without what Cloud Storage's client needs for gRPC alone, which is not used here,
# every program is a fifth smaller, and the tests' are linked sooner.
export GOFLAGS += -tags=disable_grpc_modules

run: ## start everything on this machine, with a sample office; ARGS="--speed 60" adds options
	@[ -x build/carillon ] || echo "Compiling Carillon: the first time this takes some minutes."
	@go build -buildvcs=false -o build/carillon ./infra/carillon
	@exec ./build/carillon up $(ARGS)

# It names each test that failed, with what that test printed, when all have run.
GOTESTSUM = go run gotest.tools/gotestsum@v1.13.0 --format pkgname-and-test-fails

test: setup ## every test, with the race detector and others' clients and servers; installs what they need
	CARILLON_PEERS=1 $(GOTESTSUM) -- -race -shuffle=on -count=1 ./...
	$(MAKE) soak FOR=1m

# A test that is skipped says why in the words of infra/sim/peers; these are counted.
EVENTS = build/test-short.json
count = $$(grep -c '"Output":.* $(1); make test runs it' $(EVENTS))
test-short: ## the tests that need nothing but Go, with a fifth of the drawn cases; says at the end what was left out
	@mkdir -p build
	@$(GOTESTSUM) --jsonfile $(EVENTS) -- -short -vet=off -p 4 -parallel 8 ./...; status=$$?; \
	echo "$(call count,needs third-party clients) tests need third-party clients, $(call count,takes minutes) take minutes: make test runs them."; \
	exit $$status

FOR ?= 30m
soak: ## hostile load on one machine, alone: memory and /healthz each second; FOR=30m
	CARILLON_SOAK=$(FOR) go test -count=1 -timeout 2h -v -run '^TestSoak$$' ./infra/carillon

test-deploy: ## build and start every function as the cloud does; the bridges across them
	CARILLON_DEPLOY=1 go test -count=1 -timeout 20m ./infra/stage/...

setup: ## what the tests need: Debian packages with apt-get, npm packages; skips what is there
	@bash infra/setup/test.sh

lint: ## formatting and static checks
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

stage: ## one source zip a function, in build/functions/
	go run ./infra/stage

release: ## VERSION=1.2.3: every platform's command, Debian packages, bill of materials, checksums
	VERSION=$(VERSION) bash infra/package/release.sh

bench: ## the figures of docs/performance.md
	go run ./infra/bench

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
