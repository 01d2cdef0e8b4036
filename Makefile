SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

# Python 3.11, 3.12 or 3.13; the project's own environment is made from it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.requirements.txt
UV_VERSION := 0.13.8

# pip's own index as uv's, where pip has one.
SET_UV_INDEX = index=$${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null || true)}; \
	if test -n "$$index"; then export UV_DEFAULT_INDEX="$$index"; fi; \
	export UV_SYSTEM_CERTS=1;

export PYTHONPATH := include
# Python keeps what it has compiled: otherwise each of the many processes of a test compiles Airflow.
unexport PYTHONDONTWRITEBYTECODE

# Arguments of `python -m benchmarks`, such as BENCH="throughput --seconds 600".
BENCH ?=

DOCS_VENV := .venv-docs
DOCS_BIN := $(DOCS_VENV)/bin
DOCS_INSTALLED := $(DOCS_VENV)/.requirements.txt

.PHONY: install run test unit coverage soak fuzz bench schema lint docs reference requirements

install: $(INSTALLED)

# A copy, not a date: a checkout that touches the file installs nothing anew. uv takes seconds
# where pip takes minutes, and does not know pip's settings: its index is told to uv. Compiled here,
# once and on all cores: at the first start each of Airflow's processes would compile the same.
$(INSTALLED): requirements.txt
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and 'Python 3.11, 3.12 or 3.13 is needed: make PYTHON=...')"
	@test -x $(BIN)/python || { echo "making the environment $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@cmp -s $< $@ || { \
		echo "installing $$(grep -c == $<) packages"; \
		$(BIN)/python -m pip install --quiet uv==$(UV_VERSION) && \
		$(SET_UV_INDEX) $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --requirement $< || { \
			echo "uv could not: pip installs them, which takes some minutes"; \
			$(BIN)/python -m pip install --requirement $<; }; }
	@cp $< $@

run: install
	@$(BIN)/python -m candlehouse run

# More workers than the smallest machine has cores: some of the time goes by waiting, for servers
# to start and for what streams do after a while.
WORKERS := -n 3

test: install
	$(BIN)/python -m pytest $(WORKERS)

# What needs neither a network nor a database, for another Python:
# make unit PYTHON=python3.13 VENV=.venv-3.13
unit: install
	$(BIN)/python -m pytest -n 2 tests/unit

# The tests of make test, counting lines, which takes half as long again; fails below 90%.
coverage: install
	$(BIN)/python -m pytest $(WORKERS) --cov --cov-report=term

# Minutes of kills; the seed is printed, and CANDLEHOUSE_SEED repeats it.
soak: install
	$(BIN)/python -m pytest -m soak -s tests/soak
	CANDLEHOUSE_EXAMPLES=200 $(BIN)/python -m pytest -n 2 tests/integration/pipelines/test_collect_machine.py

# Minutes of damaged input, 100,000 cases; CANDLEHOUSE_SEED chooses others.
fuzz: install
	CANDLEHOUSE_CASES=100000 $(BIN)/python -m pytest -n 2 --timeout 3600 tests/fuzz

# About three hours, on a machine that does nothing else; results go to var/bench.
bench: install
	@PYTHONPATH=include:tests $(BIN)/python -m benchmarks $(BENCH)

# What the migrations make, as one file to read; a test compares the two.
schema: install
	@PYTHONPATH=include:tests $(BIN)/python -m support.schema_file

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@PYTHONPATH=include:plugins $(BIN)/lint-imports --no-logo

# The documents as a web site in site/, whose pages load nothing from elsewhere; a broken link fails.
docs: $(DOCS_INSTALLED)
	@NO_MKDOCS_2_WARNING=1 $(DOCS_BIN)/mkdocs build --quiet --strict
	@echo "The pages are in site/. To read them with a search:"
	@echo "$(PYTHON) -m http.server --bind 127.0.0.1 --directory site 8000"

# An environment of its own: what builds pages has nothing to do with what collects candles.
$(DOCS_INSTALLED): docs/requirements.txt
	@test -x $(DOCS_BIN)/python || $(PYTHON) -m venv $(DOCS_VENV)
	@cmp -s $< $@ || $(DOCS_BIN)/python -m pip install --quiet --requirement $<
	@cp $< $@

# Rewrites what the pages in docs/reference take from the code.
reference: install
	@PYTHONPATH=include:tests $(BIN)/python -m documents

requirements: install
	@$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	@$(SET_UV_INDEX) $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url \
		--no-annotate --no-header requirements.in --output-file requirements.txt
