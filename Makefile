.PHONY: run test peers lint bench

run: ## start everything on this machine, with a sample office
	go run ./infra/carillon up

test: peers ## every test, with the race detector and others' clients and servers
	CARILLON_PEERS=1 go test -race -shuffle=on -count=1 ./...

peers: infra/sim/peers/node_modules/.package-lock.json

infra/sim/peers/node_modules/.package-lock.json: infra/sim/peers/package-lock.json
	npm ci --prefix infra/sim/peers --ignore-scripts

lint: ## formatting and static checks
	golangci-lint run ./...

bench: ## the figures of docs/performance.md
	go run ./infra/bench
