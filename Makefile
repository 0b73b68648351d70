# style-rotation: `make help` lists what there is.

RUN     ?= blueprint
MARKET  ?=
RESULTS ?= results
CONTACT ?=

VENV     := .venv
BIN      := $(VENV)/bin
# Byte-code comes after pip: of all that is installed it would fill 150 MB, of what a run imports 35.
INSTALL   = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --no-compile
# The first interpreter that is new enough; PYTHON=... overrides.
PYTHON   ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)

ifeq ($(OS),Windows_NT)
$(error Windows can't close files and network to a replay; use WSL, which is Linux)
endif

.DEFAULT_GOAL := help
.PHONY: help backtest data test test-slow test-lowest coverage lint format bench bench-peers clean

help:  ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

backtest: $(VENV)/.installed  ## Run a backtest: RUN=name or file (blueprint), MARKET=folder, RESULTS=folder
	@$(BIN)/backtest run "$(RUN)" --results "$(RESULTS)" $(if $(MARKET),--market "$(MARKET)")

data: $(VENV)/.live-installed  ## Download the AI-era market folder; the SEC wants CONTACT="name e-mail"
	@$(BIN)/backtest data fetch $(if $(CONTACT),--contact "$(CONTACT)")

# Tests wait for processes of their own a third of the time: one worker more than there are cores.
WORKERS   = $$($(BIN)/python -c "import os; print((os.cpu_count() or 1) + 1)")

test: $(VENV)/.test-installed  ## Run the tests, except the slow ones
	@$(BIN)/python -m pytest -q -n $(WORKERS) -m "not slow"

test-slow: $(VENV)/.test-installed  ## Run the slow tests too
	@HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-weekly} $(BIN)/python -m pytest -q -n $(WORKERS)

test-lowest:  ## Run the tests with the oldest versions that setup.cfg allows
	@rm -rf .venv-lowest && $(PYTHON) -m venv .venv-lowest
	@sed -nE 's/^    ([A-Za-z0-9_-]+) >= ([0-9.]+)$$/\1==\2/p' setup.cfg > .venv-lowest/constraints.txt
	@.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check \
		-c .venv-lowest/constraints.txt -e ".[test]"
	@.venv-lowest/bin/python -m pytest -q -n auto -m "not slow"

# Compiled code is run uncompiled once, so that its lines count too; the test of one sheet is a slow one.
coverage: $(VENV)/.test-installed  ## Print the share of lines that the tests run; no module under 85%
	@rm -f .coverage .coverage.*
	@$(BIN)/python -m pytest -q -n auto -m "not slow" --cov --cov-report=
	@NUMBA_DISABLE_JIT=1 HYPOTHESIS_PROFILE=brief $(BIN)/python -m pytest -q -n auto -m "not slow" \
		--cov --cov-append --cov-report= tests/backtests/engine tests/backtests/options
	@$(BIN)/python -m pytest -q --cov --cov-append --cov-report= tests/backtests/records/test_pyfolio_sheet.py
	@$(BIN)/python -m tests.coverage_floor

lint: $(VENV)/.test-installed  ## Check style and types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: $(VENV)/.test-installed  ## Format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: $(VENV)/.installed  ## Measure the engines side by side; writes benchmarks/RESULTS.md
	@$(BIN)/python -m benchmarks.run

bench-peers: $(VENV)/.installed  ## Install the other engines that `make bench` compares with
	@$(INSTALL) -r benchmarks/requirements.txt
	@rm -rf .venv-zipline && $(PYTHON) -m venv .venv-zipline
	@.venv-zipline/bin/python -m pip install --quiet --disable-pip-version-check \
		-r benchmarks/requirements-zipline.txt

clean:  ## Remove the environment and caches; results stay
	rm -rf $(VENV) .venv-lowest .venv-zipline build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Python 3.11 or newer with the venv module is needed; install it or pass PYTHON=/path/to/python" >&2; \
		exit 1; fi
	@echo "Setting up $(VENV) with $(PYTHON) (once; takes a minute or two)"
	@$(PYTHON) -m venv $(VENV)

# Importing keeps byte-code where the environment does not forbid it, and the ledger engine is compiled here.
$(VENV)/.installed: setup.cfg pyproject.toml | $(VENV)/bin/python
	@$(INSTALL) -e .
	@sed -n '/^sample =/,/^[^ ]/s/^    //p' setup.cfg > $(VENV)/sample.txt
	@$(INSTALL) --no-deps -r $(VENV)/sample.txt
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -W ignore -m compileall -qq backtests datafeeds strategies
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -W ignore -c "import backtests.cli, backtests.commands.runs, \
		backtests.authoring.lookahead, backtests.engine.backtrader, datafeeds.folder.cache, \
		exchange_calendars, matplotlib.backends.backend_svg, matplotlib.figure; \
		from backtests.engine.kernel import warm_up; warm_up(long_only=True)"
	@touch $@

$(VENV)/.test-installed: setup.cfg pyproject.toml $(VENV)/.installed
	@$(INSTALL) -e ".[test]"
	@$(BIN)/python -W ignore -m compileall -qq -j 0 $(VENV)/lib || true
	@touch $@

$(VENV)/.live-installed: setup.cfg pyproject.toml $(VENV)/.installed
	@$(INSTALL) -e ".[live]"
	@touch $@
