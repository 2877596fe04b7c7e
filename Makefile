# The few verbs of this repository; `make` alone lists them.

TARGET := x86_64-unknown-linux-gnu
STATIC := cargo build --locked --package links --target $(TARGET) --target-dir target/static \
  --config 'target.$(TARGET).rustflags=["-C","target-feature=+crt-static"]'

.PHONY: help up down destroy test check licences unit tour infra delivery build image backend packages

help: ## What there is
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST)

up: packages build image ## Start the region, apply every stack, print the addresses
	target/release/terrella up

down: ## Stop the region; everything is kept
	target/release/terrella down

destroy: ## Stop the region and remove all it kept
	target/release/terrella destroy --yes

test: packages check unit tour infra delivery ## All that CI checks

check: licences ## Format, lints and licences
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- --deny warnings

# A crate that names no licence is judged by its licence file: that is worth no warning.
licences: ## What we link is free for everyone
	cargo deny --locked check --allow no-license-field bans licenses sources

unit: backend ## Tests of the crates, against real namespaces, PostgreSQL and clients
	scripts/tidily cargo nextest run --workspace --locked

tour: ## Tours of the services by AWS's clients for Python and the command line
	cargo test --workspace --locked --no-run --quiet  # as `unit` builds it, so nothing is built twice
	scripts/tidily tests/tour/run

infra: ## Tests and outside checks of the Terraform, offline
	scripts/tidily scripts/terraform infra/test.sh
	infra/lint.sh

delivery: ## Tests of the workflows, by outside judges and against a region
	cargo test --workspace --locked --no-run --quiet  # as `unit` builds it, so nothing is built twice
	scripts/tidily tests/delivery/run

build: ## The command line
	cargo build --release --locked --package terrella

image: ## The backend as a static binary, from which its image is made
	$(STATIC) --profile image

backend: ## The same, quickly built, for tests
	$(STATIC)

packages: ## System packages and tools that the rest needs
	scripts/packages
	infra/lint.sh --install
