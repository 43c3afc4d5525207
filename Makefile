# Two commands suffice: `make demo` and `make test`. Everything they download or write stays below this folder
# (.venv, .cache, build, node_modules of protos, sandbox/identity, gateway/portal and tests/browser); `make clean` removes it. `make help` lists the rest.

PYTHON ?= python3
# Workers of pytest-xdist, and anything else to hand to pytest: make test TESTS="-k merge tests/unit"
WORKERS ?= 2
TESTS ?=

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

BIN := .venv/bin
CACHE := $(CURDIR)/.cache

# Tools keep their caches here. Only `make lock` uses uv, which neither looks for nor downloads another Python.
export UV_CACHE_DIR := $(CACHE)/uv
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
export PIP_CACHE_DIR := $(CACHE)/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export npm_config_cache := $(CACHE)/npm
export npm_config_update_notifier := false
export NODE_COMPILE_CACHE := $(CACHE)/node
export BUF_CACHE_DIR := $(CACHE)/buf
export RUFF_CACHE_DIR := $(CACHE)/ruff
export MYPY_CACHE_DIR := $(CACHE)/mypy
# A virtual environment that happens to be active outside, or a PYTHONPATH, must not leak in.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME

.PHONY: help
help: ## list these targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS=$$'\t' read -r name text; do \
		printf '  %-16s %s\n' "$$name" "$$text"; done

# --- Run ------------------------------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: .venv/.runtime ## the four provinces on this machine, from query to signed report (output in build/demo)
	$(BIN)/huren demo --out build/demo

.PHONY: up
up: .venv/.runtime sandbox/identity/node_modules/.stamp gateway/portal/node_modules/.stamp ## the four provinces with people who can log in, until Ctrl-C (state in build/up)
	$(BIN)/huren up

.PHONY: bench
bench: .venv/.dev ## measure (see benchmarks/)
	$(BIN)/python -m benchmarks

.PHONY: bench-ingest
bench-ingest: .venv/.dev ## measure how fast a million rows are taken in, beside PostgreSQL's COPY
	$(BIN)/python -m benchmarks.ingest

# --- Check ----------------------------------------------------------------------------------------------------------------------------

.PHONY: test
test: check protos-check sandbox/identity/node_modules/.stamp gateway/portal/node_modules/.stamp tests/browser/node_modules/.stamp ## everything that must hold before a commit
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(TESTS)

.PHONY: check
check: .venv/.dev ## lint, format, types, direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --cache-dir .cache/import-linter

.PHONY: fmt
fmt: .venv/.dev ## format, and repair what the linter can repair
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --show-fixes .
	$(BIN)/ruff format .

# --- Contract -------------------------------------------------------------------------------------------------------------------------

.PHONY: protos
protos: .venv/.dev ## regenerate protos/gen
	$(BIN)/python protos/tools/contract.py generate

.PHONY: protos-check
protos-check: .venv/.dev protos/node_modules/.stamp ## contract: lint, breaking changes against the last release, drift of protos/gen
	$(BIN)/python protos/tools/contract.py lint
	$(BIN)/python protos/tools/contract.py breaking
	$(BIN)/python protos/tools/contract.py drift

.PHONY: protos-release
protos-release: .venv/.dev protos/node_modules/.stamp ## VERSION=1.2.0: keep the contract as it is now as the one to stay compatible with
	@test -n "$(VERSION)" || { echo 'make protos-release VERSION=1.2.0' >&2; exit 2; }
	$(BIN)/python protos/tools/contract.py release "$(VERSION)"

protos/node_modules/.stamp: protos/package.json protos/package-lock.json .venv/.dev
	cd protos && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --no-audit --no-fund
	touch $@

%/node_modules/.stamp: %/package.json %/package-lock.json .venv/.runtime
	cd $* && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --no-audit --no-fund
	touch $@

# --- Install --------------------------------------------------------------------------------------------------------------------------
# .venv/.dev      everything
# .venv/.runtime  what `make demo` needs; satisfied by .dev, which holds more
# Every version is pinned with its hashes in requirements/. pip installs them, so whatever index, mirror, proxy or private CA pip is
# set up to use serves here too; what is no longer pinned is removed. The project itself is installed editable, without touching the rest.

PIP := $(BIN)/python -m pip --quiet

define install
	$(PIP) install --require-hashes --only-binary :all: --no-deps --no-compile --requirement requirements/$(1).txt
	surplus=$$(comm -13 <(sed -nE 's/^([a-z0-9-]+).*==.*/\1/p' requirements/$(1).txt | sort) \
		<($(BIN)/python -m pip freeze --exclude-editable | sed -E 's/[ =@].*//' | tr 'A-Z_.' 'a-z\-\-' | sort)); \
		[ -z "$$surplus" ] || $(PIP) uninstall --yes $$surplus
	$(PIP) install --no-deps --no-build-isolation --no-index --editable .
endef

.venv/pyvenv.cfg:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3 ...")'
	$(PYTHON) -m venv .venv

.venv/.dev: requirements/dev.txt pyproject.toml | .venv/pyvenv.cfg
	$(call install,dev)
	touch $@

.venv/.runtime: requirements/runtime.txt pyproject.toml | .venv/pyvenv.cfg
ifneq ($(wildcard .venv/.dev),)
	$(MAKE) --silent --no-print-directory .venv/.dev
else
	$(call install,runtime)
endif
	touch $@

.PHONY: lock
lock: .venv/.dev ## resolve anew: newest versions that pyproject.toml allows -> requirements/*.txt
	rm -f uv.lock
	$(BIN)/uv lock --python $(BIN)/python --quiet
	$(call export,runtime,--extra member --no-default-groups --group build --group sandbox)
	$(call export,dev,--all-extras --all-groups)

# uv.lock names download hosts; the exported form has versions and hashes only, so any mirror can serve it.
define export
	@mkdir -p requirements build
	$(BIN)/uv export --python $(BIN)/python --locked --quiet --no-header --no-emit-project $(2) --output-file build/$(1).txt
	@sed -i '1i # Made by `make lock` from pyproject.toml; do not edit.' build/$(1).txt
	@if grep -n '://' build/$(1).txt; then echo 'build/$(1).txt names a host' >&2; exit 1; fi
	@cmp -s build/$(1).txt requirements/$(1).txt || cp build/$(1).txt requirements/$(1).txt
endef

# Optional tests use these when they are there: PostgreSQL as the second database, poppler as a second opinion about PDFs, Chromium and a
# Chinese font for the pages.
SYSTEM_PACKAGES := postgresql poppler-utils chromium fonts-noto-cjk

.PHONY: system-packages
system-packages: ## Debian packages that optional tests use (root only; others are told what it would install)
	@command -v dpkg-query >/dev/null || { echo 'system packages: not a Debian; install the likes of: $(SYSTEM_PACKAGES)'; exit 0; }; \
	missing=$$(for p in $(SYSTEM_PACKAGES); do \
		dpkg-query -W -f='$${db:Status-Status}' "$$p" 2>/dev/null | grep -qx installed || echo "$$p"; done | xargs); \
	if [ -z "$$missing" ]; then echo 'system packages: all there'; \
	elif [ "$$(id -u)" != 0 ]; then echo "system packages: would install (as root): $$missing"; \
	else echo "system packages: installing $$missing"; \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get update -qq; \
		apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi

.PHONY: clean
clean: ## remove all that was made here
	rm -rf .venv .cache build dist protos/node_modules sandbox/identity/node_modules gateway/portal/node_modules tests/browser/node_modules *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
