# Everything happens in .venv (and .venv-wheel); nothing is installed globally. PYTHON=... chooses another interpreter.

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_NO_INPUT = 1

ifeq ($(OS),Windows_NT)
$(error This Makefile is for Linux and macOS. README.md has the three commands that do the same on Windows)
endif

BIN := .venv/bin
PACKAGES := server tools prompts exposure sources archive
CHECKED := $(PACKAGES) tests bench docs
PARALLEL ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test lint wheel-test check bench docs clean

help:
	@echo "make demo   set everything up and ask the real server about three sectors of the demo market"
	@echo "make test   every check and test, also against the installed wheel"
	@echo "make check  what takes minutes: the demo from a fresh copy of the checkout"
	@echo "make bench  speed, side by side with others, as ratios"
	@echo "make docs   rewrite the generated tables of README.md"
	@echo "make clean  remove everything that was made"

demo: .venv/installed
	@$(BIN)/dealer-exposure-mcp demo

test: .venv/installed-dev lint
	$(BIN)/python -m pytest -n $(PARALLEL)
	@$(MAKE) --no-print-directory wheel-test

lint: .venv/installed-dev
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports

# What can only go wrong in the package: files left out of the wheel, the console script, imports from the checkout by accident.
# The tests run from a copy outside the checkout, so that the installed packages are the only ones to import.
wheel-test: .venv-wheel/installed
	@rm -rf build/wheel
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir build/wheel .
	.venv-wheel/bin/python -m pip install --quiet --no-deps --force-reinstall build/wheel/*.whl
	@copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && cp -R tests pyproject.toml "$$copy" && python="$(CURDIR)/.venv-wheel/bin/python" && cd "$$copy" && \
	for package in $(PACKAGES); do \
	  "$$python" -c "import $$package; path = $$package.__file__; assert 'site-packages' in path, path" || exit 1; \
	done && \
	echo "The installed wheel:" && "$$python" -m pytest -n $(PARALLEL) tests/transport tests/security tests/contract tests/server/test_command_line.py

check: .venv/installed-dev
	@copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && \
	git ls-files --cached --others --exclude-standard -z | xargs -0 tar cf - | tar xf - -C "$$copy" && \
	echo "make demo in a fresh copy of the checkout:" && $(MAKE) --no-print-directory -C "$$copy" demo
	@echo "The archive: 50 writers killed, then a writer and four readers for a minute:"
	$(BIN)/python -m tests.archive.endurance
	@echo "The recorder killed 50 times:"
	$(BIN)/python -m pytest -m slow

bench: .venv/installed-bench
	$(BIN)/python bench/run.py

docs: .venv/installed
	$(BIN)/python docs/generate.py

clean:
	rm -rf .venv .venv-wheel build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find $(CHECKED) -name __pycache__ -type d -prune -exec rm -rf {} +

# The first interpreter that really runs and is new enough; a name on PATH may be a shim for nothing.
FIND_PYTHON = for name in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	  if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo "$$name"; break; fi; \
	done
define MAKE_VENV
	@python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then \
	  echo "No Python 3.11 or newer was found. Install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; fi; \
	if ! "$$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then \
	  echo "$$python cannot make virtual environments: install its venv package (on Debian and Ubuntu: python3-venv)." >&2; exit 1; fi; \
	echo "Making $(@D) with $$("$$python" --version)"; rm -rf $(@D); "$$python" -m venv $(@D)
	@touch $@
endef

.venv/made .venv-wheel/made:
	$(MAKE_VENV)

.venv/installed: .venv/made pyproject.toml
	$(BIN)/python -m pip install --quiet -e .
	@touch $@

.venv/installed-dev: .venv/made pyproject.toml
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	@touch $@ .venv/installed

.venv/installed-bench: .venv/made pyproject.toml
	$(BIN)/python -m pip install --quiet -e ".[dev,bench]"
	@touch $@ .venv/installed .venv/installed-dev

# The package's own dependencies come with the wheel; here only what the tests need on top.
.venv-wheel/installed: .venv-wheel/made pyproject.toml
	.venv-wheel/bin/python -m pip install --quiet . pytest pytest-xdist hypothesis
	@touch $@
