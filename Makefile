# The front door. What each target promises stands in README.md.

INSTALL := bash src/nacre/host/install.sh
NACRE := .venv/bin/nacre
PYTHON := .venv/bin/python

.PHONY: up down purge install test check bench openapi

up:
	@$(INSTALL) machine
	@$(NACRE) up

down:
	@$(NACRE) down

purge:
	@if [ -x $(NACRE) ]; then $(NACRE) purge; fi
	@rm -rf "$${NACRE_CACHE:-/var/cache/nacre}"

install:
	@$(INSTALL) environment

# Tests on engines have the machine to themselves; all others share it.
test:
	@$(INSTALL) tests
	@$(PYTHON) -m pytest -m "not engines" -n auto --dist loadfile; without=$$?; \
	$(PYTHON) -m pytest -m engines; with=$$?; \
	exit $$((without ? without : with))

check:
	@$(INSTALL) tests
	@$(PYTHON) -m ruff format --check src tests benchmarks
	@$(PYTHON) -m ruff check src tests benchmarks
	@$(PYTHON) -m mypy
	@$(PYTHON) -m pytest -m "not engines and not slow" tests/laws tests/domain tests/kernel

bench:
	@$(INSTALL) environment
	@$(PYTHON) -m benchmarks

openapi:
	@$(INSTALL) tests
	@$(PYTHON) -m tests.laws.test_openapi
