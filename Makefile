# Every target says with `make help` what it does. Two need root: `test` and `demo`.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

export GOTOOLCHAIN := local
CACHE   := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/rehome

# The linter is built once for each version of its module and of Go.
LINTER := $(CACHE)/golangci-lint-$(shell cat tools/go.sum | sha256sum | cut -c1-12)-$(shell go env GOVERSION)

# Whatever is compiled without the race detector is compiled in one way, which is also
# that of the lab's programs, and therefore once.
PLAIN := CGO_ENABLED=0 GOFLAGS="$(strip $(GOFLAGS) -trimpath)"

# Packages whose tests need the lab, by the build tag of their files.
LAB_FILES = $(shell grep -rl --include='*_test.go' '^//go:build lab$$' .)
LAB_PACKAGES = $(sort $(patsubst %/,%,$(dir $(LAB_FILES))))
# Tests of other files have their turn in unit.
LAB_TESTS = $(shell sed -nE 's/^func (Test[A-Za-z0-9_]*).t .*/\1/p' $(LAB_FILES) | sort -u | paste -sd'|')

# Journals are synced to disk at every record. Where there is a file system in memory
# the tests keep theirs there; what is built stays on the disk.
ifneq ($(wildcard /dev/shm/.),)
export GOTMPDIR := $(or $(GOTMPDIR),$(TMPDIR),/tmp)
export TMPDIR := /dev/shm
endif

# Everything that is generated. `make generated` fails when one of them was out of date.
GENERATED := docs/schema docs/reference docs/state-diagram.md docs/guards.md

# Architectures of the machines to which the agent is carried.
AGENTS := amd64 arm64

# timed NAME,COMMAND says how long each stage took.
define timed
	printf -- '--- %s\n' '$(1)'
	began=$$SECONDS
	$(2)
	printf -- '--- %s: done in %s\n' '$(1)' "$$((SECONDS - began)) s"
endef

##@ Without root

.PHONY: help
help: ## show this text
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: simulate
simulate: ## play the whole procedure, a failure and its rollback included, in virtual time
	@go run ./cmd/rehome simulate

.PHONY: install
install: ## install rehome, kubectl-rehome and the static rehome-agent beside it; the version comes from git
	@go install -trimpath -buildvcs=auto -ldflags '-s -w' ./cmd/rehome
	bin=$$(go env GOBIN); bin=$${bin:-$$(go env GOPATH)/bin}
	ln -sf rehome "$$bin/kubectl-rehome"
	for arch in $(AGENTS); do
		CGO_ENABLED=0 GOOS=linux GOARCH=$$arch go build -trimpath -buildvcs=auto -ldflags '-s -w' -o "$$bin/rehome-agent-linux-$$arch" ./cmd/rehome-agent
	done
	echo "installed $$bin/rehome, $$bin/kubectl-rehome and beside them rehome-agent for $(AGENTS)"; "$$bin/rehome" version

.PHONY: check
check: static unit ## the one gate: format, vet, lint, generated files, modules, race tests

.PHONY: test-unit
test-unit: check ## everything that needs neither root nor the lab

.PHONY: static
static: format vet lint generated verify ## the part of check that runs no tests

.PHONY: format
format: ## fail if a file is not formatted
	@$(call timed,gofmt,
	unformatted=$$(gofmt -l .)
	if [ -n "$$unformatted" ]; then printf 'not formatted (gofmt -w):\n%s\n' "$$unformatted"; exit 1; fi)

.PHONY: vet
vet: ## run go vet, the suites that need the lab included
	@$(call timed,go vet,$(PLAIN) go vet -tags lab ./...)

$(LINTER):
	@$(call timed,build the linter once,
	mkdir -p '$(CACHE)'
	cd tools && $(PLAIN) go build -o '$@.new' github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	mv '$@.new' '$@')

.PHONY: lint
lint: $(LINTER) ## run golangci-lint, built once from tools/
	@$(call timed,golangci-lint,$(PLAIN) '$(LINTER)' run ./...)

.PHONY: generate
generate: ## write the generated files again
	@$(PLAIN) go run ./internal/config/schemagen
	@$(PLAIN) go run ./internal/inventory/schemagen
	@$(PLAIN) go run ./internal/report/docgen

.PHONY: generated
generated: ## fail if a generated file was out of date
	@sums() { find $(GENERATED) -type f -exec sha256sum {} + | sort; }
	$(call timed,generated files,
	before=$$(sums); $(MAKE) --no-print-directory generate
	if ! diff <(echo "$$before") <(sums); then echo 'generated files were out of date and are now written again: commit them'; exit 1; fi)

.PHONY: verify
verify: ## go mod verify
	@$(call timed,go mod verify,go mod verify)

.PHONY: unit
unit: ## run the tests that need no lab, with the race detector; then every trial of the fault matrix
	@$(call timed,tests,go test -race -timeout 20m ./...)
	$(call timed,the whole fault matrix and migrations by seed,$(PLAIN) go test -timeout 15m ./internal/sim)

.PHONY: seeds
seeds: ## simulate SEEDS whole migrations (default 10000) from seed FIRST on, and all pairs of faults
	@go test -count=1 -timeout 60m ./internal/sim -run 'TestSeeds|TestPairs' -v -all-pairs -seeds '$(or $(SEEDS),10000)' -first-seed '$(or $(FIRST),1)' | grep -vE '^ *(===|--- PASS)'

.PHONY: mutate
mutate: ## take out each guard, the fsync, each compare-and-swap, the dispersion: the tests must turn red
	@cd tools && go run ./mutate -C ..

.PHONY: fuzz
fuzz: ## fuzz each parser for FUZZTIME (default 10s)
	@for file in $$(grep -rl --include='*_test.go' '^func Fuzz' .); do
		for name in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$$file"); do
			go test -run='^$$' -fuzz="^$$name\$$" -fuzztime='$(or $(FUZZTIME),10s)' "$$(dirname "$$file")"
		done
	done

.PHONY: vuln
vuln: ## look for known vulnerabilities; needs the database at vuln.go.dev and fails without it
	@cd tools && go run golang.org/x/vuln/cmd/govulncheck -C .. ./...

.PHONY: bench
bench: ## measure; DOCS=1 writes docs/bench.md and the tables of docs/judgement.md too
	@go run ./bench $(if $(DOCS),-write docs/bench.md -judgement docs/judgement.md)

##@ With root, on Linux with Debian packages

.PHONY: test
test: ## set up the lab, run every test, and leave nothing behind
	@$(call need_root,make test,make test-unit)
	.ci/test

.PHONY: demo
demo: ## move an application on real parts, bad release and all
	@$(call need_root,make demo,rehome simulate (make simulate))
	go run ./lab/cmd/lab demo

.PHONY: lab-up
lab-up: ## set up the lab; the first time takes about ten minutes
	@go run ./lab/cmd/lab up

.PHONY: lab-down
lab-down: ## remove the lab, but for its cache
	@go run ./lab/cmd/lab down

# Suites on the lab run beside each other, the longest first; tests that take parts of it
# away wait for each other and for the rest. The suite that compares the machine before
# and after the lab wants to be alone, and e2e/legacy has a machine of its own.
E2E   := ./e2e
LONG  := $(E2E) ./e2e/stage
OTHERS := ./e2e/legacy
ALONE := ./lab/cmd/lab
ADAPTERS = $(filter-out $(E2E) $(OTHERS) $(ALONE),$(LAB_PACKAGES))
suite = [ -n '$(2)' ] || { echo 'no suite carries the build tag lab'; exit 1; }; $(call timed,$(1),go test -race -tags lab -p 8 -timeout 20m -run '^($(LAB_TESTS))$$' $(2))

.PHONY: lab-suites
lab-suites: lab-beside lab-others lab-alone ## run the suites that need the lab

.PHONY: lab-beside
lab-beside: ## run the suites on the lab beside each other
	@$(call suite,suites on the lab,$(LONG) $(filter-out $(LONG),$(ADAPTERS)))

.PHONY: lab-adapters
lab-adapters: ## run the suites of adapters and of the lab's own parts
	@$(call suite,adapters on the lab,$(ADAPTERS))

.PHONY: lab-e2e
lab-e2e: ## run whole migrations on the lab
	@$(call suite,whole migrations on the lab,$(filter $(E2E),$(LAB_PACKAGES)))

.PHONY: lab-others
lab-others: ## look at the applications that nobody here wrote
	@$(call suite,applications that nobody here wrote,$(filter $(OTHERS),$(LAB_PACKAGES)))

.PHONY: lab-alone
lab-alone: ## see that the lab leaves nothing behind
	@$(call suite,the lab leaves nothing behind,$(filter $(ALONE),$(LAB_PACKAGES)))

# need_root WHAT,INSTEAD stops with a word where the lab cannot run.
define need_root
	if [ "$$(uname -s)" != Linux ] || [ "$$(id -u)" != 0 ] || ! command -v dpkg-query >/dev/null; then
		echo '$(1): error: the lab needs root on Linux with Debian packages' >&2
		echo '$(1): hint: $(2) needs none of it' >&2
		exit 2
	fi
endef
