.PHONY: run test lint bench

run: ## start everything on this machine, with a sample office
	go run ./infra/carillon up

test: ## every test, with the race detector
	go test -race -shuffle=on -count=1 ./...

lint: ## formatting and static checks
	golangci-lint run ./...

bench: ## benchmarks
	go test -run '^$$' -bench . -benchmem ./...
