# Every target bootstraps itself: with python3 (3.11 or newer), pip and make on the machine, the
# first run creates $(VENV) from the hash-locked requirements, later runs start at once.
#
#   make test PYTHON=/path/to/python3.13 VENV=.venv-3.13     another interpreter, beside the first
#   make test ARGS="-k tags -x"                              arguments for the tool behind a target

VENV ?= .venv
PYTHON ?=
ARGS ?=
# Each worker of pytest-xdist has its own databases on one shared server.
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)

BIN := $(VENV)/bin
DEV := $(VENV)/.installed-dev
DEMO := $(VENV)/.installed-demo
PYTEST := $(BIN)/python -m pytest -n $(WORKERS)

# Pyright runs from its wheel: no look for news, no other version from the caller's environment.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
unexport PYRIGHT_PYTHON_FORCE_VERSION PYRIGHT_PYTHON_PYLANCE_VERSION

# Output of two tools at once is unreadable, and both stamps write into one environment.
.NOTPARALLEL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo test test-fast check format format-check lint types layers docs-check coverage \
	coherence durability bench bench-quick bench-plots bench-parts lock build changelog clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- environment -----------------------------------------------------------------------------

# Names alone prove nothing (pyenv leaves shims that fail), so each candidate is run. Where the
# interpreter comes without ensurepip, as Debian's does, its own pip fills the environment.
$(BIN)/python:
	@for python in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    echo "creating $(VENV) with $$("$$python" --version)"; \
	    "$$python" -m venv --clear "$(VENV)" >/dev/null 2>&1 && exit 0; \
	    "$$python" -m venv --clear --without-pip "$(VENV)" \
	        && "$$python" -m pip --python "$(VENV)/bin/python" install --quiet pip && exit 0; \
	    echo "$$python cannot create an environment: it has neither venv nor pip" >&2; exit 1; \
	done; \
	echo "no Python 3.11 or newer found; name one with: make PYTHON=/path/to/python3" >&2; exit 1

# The lists are complete, so nothing is resolved: pip takes a requirement with an extra, such as
# pydantic[email], for one without a hash. The project itself is installed editable, with a build
# backend that is locked like the rest. A full installation holds the demo's, so either stamp is
# enough for `make demo`.
define install
@echo "installing $(1) into $(VENV)"
@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    -r $(1)
@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
    --no-deps --no-build-isolation --editable .
@touch $@
endef

$(DEV): pyproject.toml requirements/dev.txt | $(BIN)/python
	$(call install,requirements/dev.txt)

$(DEMO): pyproject.toml requirements/demo.txt | $(BIN)/python
	$(call install,requirements/demo.txt)

# --- using it --------------------------------------------------------------------------------

# A stranger's first command installs what the demo needs and none of the development tools.
demo: $(if $(wildcard $(DEV)),$(DEV),$(DEMO)) ## the main job: 28,000 airports in a real PostgreSQL
	@$(BIN)/storehaus demo $(ARGS)

# --- working on it ---------------------------------------------------------------------------

test: $(DEV) ## all tests; they start the servers they need
	$(PYTEST) $(ARGS)

test-fast: $(DEV) ## the tests that need no server: unit, sql, architecture
	$(PYTEST) tests/unit tests/sql tests/architecture $(ARGS)

check: format-check lint types layers test ## everything a change must pass; what .ci/run does

format: $(DEV) ## rewrite the code in the house format, with safe fixes
	$(BIN)/ruff check --fix --exit-zero --quiet
	$(BIN)/ruff format

format-check: $(DEV)
	$(BIN)/ruff format --check

lint: $(DEV) ## ruff
	$(BIN)/ruff check

types: $(DEV) ## mypy strict and pyright strict
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

layers: $(DEV) ## import-linter: who may import whom
	$(BIN)/lint-imports --no-cache

docs-check: $(DEV) ## run the code of README, docs and examples
	$(PYTEST) tests/docs $(ARGS)

# Branches are traced in the xdist workers and in the subprocesses of tests too.
coverage: $(DEV) ## all tests, with the branches they do not reach
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

VERSUS := PYTHONPATH=benchmarks $(BIN)/python -m versus
RESULT ?= benchmarks/results/results.json
IMAGES ?= docs/images

bench: $(DEV) ## against other libraries, everything; half an hour or more
	$(VERSUS) $(ARGS)

bench-quick: $(DEV) ## the same, a little of everything, in under two minutes
	$(VERSUS) --quick $(ARGS)

bench-plots: $(DEV) ## draw RESULT, a file that `make bench` wrote, into IMAGES
	$(VERSUS).plots $(RESULT) --output $(IMAGES) $(ARGS)

bench-parts: $(DEV) ## run each script of benchmarks/ and print its ratios
	@for script in benchmarks/[!_]*.py; do \
	    echo "== $$script"; $(BIN)/python "$$script" $(ARGS) || exit 1; \
	done

# --- releasing it ----------------------------------------------------------------------------

# One resolution serves every Python and platform: what differs between them carries a marker.
# `fewest` keeps to one version of a package for all of them, as long as there is one.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --annotation-style line --no-header \
	--no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade)

durability: $(DEV) ## kill readers, writers and the server, and count what the event log lost
	STOREHAUS_DURABILITY_SECONDS=60 $(BIN)/python -m pytest -n 0 -s tests/durability

coherence: $(DEV) ## stress the cache for two minutes, with kills, delays and lost keys
	STOREHAUS_COHERENCE_SECONDS=80 $(BIN)/python -m pytest -n 0 -s tests/coherence

lock: $(DEV) ## write requirements/*.txt from pyproject.toml; UPGRADE=1 takes newer versions
	$(COMPILE) --all-extras --group dev --output-file requirements/dev.txt pyproject.toml
	$(COMPILE) --extra demo --group build --constraints requirements/dev.txt \
	    --output-file requirements/demo.txt pyproject.toml

build: $(DEV) ## wheel and sdist into dist/
	$(BIN)/python -m build --no-isolation

changelog: $(DEV) ## show what the fragments in changelog.d/ will become
	$(BIN)/towncrier build --draft

clean: ## remove the environment, caches and what was built
	rm -rf "$(VENV)" build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	    .import_linter_cache .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
