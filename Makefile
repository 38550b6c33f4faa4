# Four commands to learn: make run, make test, make check, make demo. The others keep the house.

PYTHON ?= python3
ARGS ?=
YEARS ?= 1
SEED ?= 1
DAYS ?=
KILLS ?= 1000
# One more than there are cores: many tests wait for a process or a clock.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# The files of the tests lie in memory where there is room: thousands of small databases wait for a disk otherwise.
MEMORY := $(shell test -w /dev/shm && test $$(df -Pk /dev/shm | awk 'NR == 2 { print $$4 }') -gt 4000000 && echo /dev/shm)

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev

SUPPORTED := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" $(ARGS) pyproject.toml --group build

.PHONY: help run test check demo bench simulate crash format lock clean

help:  ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

run: $(INSTALLED)  ## set up and start on http://127.0.0.1:8080 (ARGS="--port 9000")
	@$(BIN)/tocsin serve $(ARGS)

test: $(INSTALLED_DEV)  ## the whole test suite on SQLite and PostgreSQL (ARGS="-k escalation")
	@$(if $(MEMORY),TMPDIR=$(MEMORY)) $(BIN)/python -m pytest --numprocesses $(WORKERS) --maxprocesses 4 --dist worksteal $(ARGS)

check: $(INSTALLED_DEV)  ## format, lint, types, import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy engine integrations tests
	@$(BIN)/lint-imports

demo: $(INSTALLED)  ## one P0 from webhook to exported report on a fast clock
	@$(BIN)/tocsin demo $(ARGS)

bench: $(INSTALLED_DEV)  ## alerts per second, time to page, timer lateness
	@$(BIN)/python -m tests.benchmarks $(ARGS)

simulate: $(INSTALLED_DEV)  ## years of incidents, outages and crashes against the standard (YEARS=10 SEED=1)
	@$(BIN)/python -m tests.simulation --years $(YEARS) --seed $(SEED) $(if $(DAYS),--days $(DAYS)) $(ARGS)

crash: $(INSTALLED_DEV)  ## kill a real engine at every point, count what is missed (KILLS=1000)
	@$(BIN)/python -m tests.crash --kills $(KILLS) $(ARGS)

format: $(INSTALLED_DEV)  ## put the code into the form that check asks for
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: $(INSTALLED_DEV)  ## resolve deploy/requirements*.txt again (ARGS=--upgrade)
	@$(COMPILE) --output-file deploy/requirements.txt
	@$(COMPILE) --group dev --constraint deploy/requirements.txt --output-file deploy/requirements-dev.txt

clean:  ## remove the set-up and every cache; databases and reports stay
	@rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find engine integrations tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@for python in $(PYTHON) python3.13 python3.12 python3.11; do \
		if "$$python" -c '$(SUPPORTED)' 2>/dev/null; then exec "$$python" -m venv $(VENV); fi; \
	done; \
	echo "Tocsin needs Python 3.11 or newer with the venv module (on Debian: apt install python3-venv)." >&2; exit 1

$(VENV)/.requirements: deploy/requirements.txt | $(BIN)/python
	@echo "Installing the locked requirements into $(VENV)"
	@$(PIP) install --require-hashes -r deploy/requirements.txt
	@touch $@

$(INSTALLED): pyproject.toml $(VENV)/.requirements
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(INSTALLED_DEV): deploy/requirements-dev.txt $(INSTALLED)
	@echo "Installing what the tests and checks need as well"
	@$(PIP) install --require-hashes -r deploy/requirements-dev.txt
	@touch $@
