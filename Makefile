# `make run` shows the product; `make test` proves it. Both do all set-up themselves; `make help` lists the rest.
SHELL := /bin/bash
export PATH := $(CURDIR)/.venv/bin:$(PATH)
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup run demo test test-kafka mcp-conformance lint types imports generate check-generated kafka redis stop-servers bench ci clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: ## Install everything into .venv (done by the other targets)
	@scripts/setup

run: setup ## Start OpusAgent in one process, play a demo call, then serve on port 8080
	@opusagent run $(ARGS)

demo: setup ## Play a story in real time with real audio (ARGS="--story callback --protocol audiocodes --json")
	@opusagent demo $(ARGS)

test: setup ## Everything that needs no server of its own (under 5 minutes)
	@python -m pytest -n 3 --maxschedchunk 4 -m "not kafka and not slow" $(ARGS)

test-kafka: setup ## The bus contract, stores and stories on real Kafka and Redis, and the slow tests
	@scripts/test-kafka $(ARGS)

mcp-conformance: setup ## The public MCP conformance suite against the engine's tasks (needs npx and the npm registry)
	@scripts/mcp-conformance $(ARGS)

lint: setup ## ruff and buf
	@ruff check . && ruff format --check . && cd proto && buf lint

types: setup ## mypy --strict
	@scripts/types

imports: setup ## Who may import whom
	@lint-imports

generate: setup ## Regenerate proto/src
	@scripts/generate-proto

check-generated: setup ## Fail when proto/src is not what the contract generates, or the contract breaks the commit before
	@scripts/check-generated

kafka: setup ## Start a real Apache Kafka (KRaft, single node, needs Java 17 and Maven)
	@scripts/kafka start --port 9092 $(ARGS)

redis: setup ## Start a Redis
	@scripts/redis start --port 6379 $(ARGS)

stop-servers: ## Stop what make kafka and make redis started
	@scripts/kafka stop; scripts/redis stop

bench: setup ## Measure latency, CPU, steps and response time (ARGS="--only core,response"; --help tells more); writes build/bench.json
	@python -m bench $(ARGS)

ci: ## What CI runs
	@.ci/run

clean: ## Remove the environment and everything built
	@rm -rf .venv .tools build .pytest_cache .mypy_cache .ruff_cache
