# Two commands matter: `make run` starts an exchange on this machine, `make test` proves it.

CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto

.PHONY: run build test lint deny docs sim fuzz bench compare install clean help

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

run: build ## install what is missing, build, start on embedded defaults, say what to do next
	exec "$$(scripts/binary release)" run --dev

build: ## the release binary
	scripts/need build
	$(CARGO) build --release --locked -p ironbell

test: lint deny docs ## everything: style, licences, documents, then all tests; the last lines are the runner's own
	scripts/need test
	$(CARGO) test --locked -p world --features faults --test planted
	$(CARGO) test --locked

lint: ## formatting and clippy
	scripts/need build
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

deny: ## licences, bans and sources of all dependencies
	scripts/need deny
	PATH="$$(scripts/need --tools)/bin:$$PATH" $(CARGO) deny --locked check bans licenses sources

docs: ## the API documentation, without a warning
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --quiet

sim: ## more seeds: make sim SEEDS=10000, or one with its log: SIM_SEED=n make sim
	SIM_SEEDS=$(or $(SEEDS),2000) $(CARGO) test --locked --test sim -- --nocapture

fuzz: ## each fuzz target live for 60 s; needs a nightly toolchain
	scripts/fuzz $(or $(SECONDS_EACH),60)

bench: ## criterion benches
	$(CARGO) bench --locked

compare: ## side by side with Debian's peers: make compare ROW=m1
	scripts/need test
	$(CARGO) build --release --locked -p ironbell -p loadtest
	"$$(scripts/binary release loadtest)" compare $(or $(ROW),m1) --ironbell "$$(scripts/binary release)"

install: build ## the binary, the unit and its surroundings, under /usr/local and /etc
	scripts/install

clean:
	$(CARGO) clean
