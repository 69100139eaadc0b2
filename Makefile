# `make demo` is the place to start. Every target installs or builds what it needs first.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

help: ## Show this list.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## */\1\t/' | expand -t 12

build: dependencies ## Build the profs command (.build/release/profs).
	swift build -c release --product profs

demo: ## Edit a real language model and show what changed.
	Scripts/demo.sh

test: ## Run all tests.
	Scripts/test.sh

bench: build ## Time editing, evaluation and tokenizers against the Python libraries.
	Scripts/performance.sh

fixtures: ## Write the test fixtures anew with the field's own Python libraries.
	Scripts/fixtures.sh

docs: dependencies ## Build the documentation of the Swift library (.build/documentation.doccarchive).
	Scripts/documentation.sh

format: ## Format the Swift sources in place.
	swift format --in-place --recursive --parallel Package.swift Sources Tests Scripts

check: dependencies ## Check format, layering, documentation, links and the documents' Swift examples.
	Scripts/check.sh

clean: ## Remove what was built; fetched models stay in .models.
	rm -rf .build .models/demo-*

dependencies:
	@Scripts/install-dependencies.sh

.PHONY: help build demo test bench fixtures docs format check clean dependencies
