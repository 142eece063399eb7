.PHONY: run test test-deploy peers lint stage release bench

run: ## start everything on this machine, with a sample office
	go run ./infra/carillon up

test: peers ## every test, with the race detector and others' clients and servers
	CARILLON_PEERS=1 go test -race -shuffle=on -count=1 ./...

test-deploy: ## build and start every function as the cloud does; the bridges across them
	CARILLON_DEPLOY=1 go test -count=1 -timeout 20m ./infra/stage/...

peers: infra/sim/peers/node_modules/.package-lock.json

infra/sim/peers/node_modules/.package-lock.json: infra/sim/peers/package-lock.json
	npm ci --prefix infra/sim/peers --ignore-scripts

lint: ## formatting and static checks
	golangci-lint run ./...
	actionlint

stage: ## one source zip a function, in build/functions/
	go run ./infra/stage

release: ## VERSION=1.2.3: every platform's command, Debian packages, bill of materials, checksums
	VERSION=$(VERSION) bash infra/package/release.sh

bench: ## the figures of docs/performance.md
	go run ./infra/bench
