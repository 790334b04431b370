# Everything runs in $(VENV), made on first use from the locked requirements. Needs make and Python 3.11 or newer.

PYTHON ?= python3
VENV ?= .venv
PEERS_VENV ?= .venv-peers
ARGS ?=
# More than there are cores, for many tests wait: for leases, for processes, for browsers.
WORKERS ?= 3

# Tests begin hundreds of processes, and each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
UV ?= $(BIN)/uv
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) --no-config --quiet pip compile --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links $(UPGRADE)

.DEFAULT_GOAL := help
.PHONY: help demo test check fuzz bench bench-peers storm lock clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-12s %s\n' "$$name" "$$text"; done

demo: $(VENV)/.demo ## Run the demonstration: an application, its mail and its inbox
	@$(BIN)/clarion demo $(ARGS)

test: $(VENV)/.dev ## Run every test, on SQLite and PostgreSQL (ARGS="--database sqlite -k cooldown")
	$(BIN)/python -m pytest -n $(WORKERS) --dist=loadscope --no-loadscope-reorder $(ARGS)

check: $(VENV)/.dev ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_floors.py

fuzz: $(VENV)/.dev ## Ask every operation of the API a thousand times what it allows and what it does not (ARGS="--examples 100 --database postgresql")
	$(BIN)/python -m tests.web.fuzz $(ARGS)

bench: $(VENV)/.dev ## Measure, beside what the driver alone can do (ARGS="sending --database sqlite" for one)
	$(BIN)/python -m benchmarks $(ARGS)

bench-peers: $(VENV)/.dev $(PEERS_VENV)/.peers ## Measure beside other libraries, in an environment of their own (ARGS="celery huey" for some)
	PEERS_VENV=$(PEERS_VENV) $(BIN)/python -m benchmarks.peers $(ARGS)

storm: $(VENV)/.dev ## Kill workers, databases and mail servers, and count what arrives (ARGS="--kills 40 --deliveries 4000")
	$(BIN)/python -m tests.storm $(ARGS)

lock: | $(BIN)/python ## Write requirements/*.txt from pyproject.toml (UPGRADE=--upgrade for newer versions)
	@test -x "$(UV)" || command -v "$(UV)" > /dev/null || $(PIP) install --quiet uv
	$(COMPILE) pyproject.toml requirements/build.in --extra postgres --extra demo --extra metrics --extra serve --group test --group lint \
		--output-file requirements/dev.txt
	$(COMPILE) pyproject.toml requirements/build.in --extra demo --extra metrics --extra serve --constraint requirements/dev.txt \
		--output-file requirements/demo.txt
	$(COMPILE) benchmarks/peers/requirements.in --output-file benchmarks/peers/requirements.txt

clean: ## Remove the environments, caches and what was built
	rm -rf $(VENV) $(PEERS_VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.dev $(VENV)/.demo: $(VENV)/.%: requirements/%.txt pyproject.toml | $(BIN)/python
	@echo "Installing requirements/$*.txt into $(VENV) …" >&2
	@$(PIP) install --quiet --require-hashes --requirement requirements/$*.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(PEERS_VENV)/.peers: benchmarks/peers/requirements.txt | $(BIN)/python
	@echo "Installing $< into $(PEERS_VENV) …"
	@$(BIN)/python -m venv --without-pip --clear $(PEERS_VENV)
	@$(PIP) --python $(PEERS_VENV)/bin/python install --quiet --require-hashes --requirement $<
	@touch $@

# Debian and Ubuntu leave out ensurepip until python3-venv is installed; a pip outside can stand in.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Clarion needs Python 3.11 or newer, and '$(PYTHON)' is none: make PYTHON=/path/to/python3.11 …" >&2; exit 1; }
	@if $(PYTHON) -c 'import ensurepip' 2> /dev/null; then \
		$(PYTHON) -m venv $(VENV); \
	elif $(PYTHON) -m pip --version > /dev/null 2>&1; then \
		$(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; \
	else \
		echo "'$(PYTHON)' has neither ensurepip nor pip: install them (Debian and Ubuntu: apt install python3-venv)" >&2; \
		exit 1; \
	fi || { rm -rf $(VENV); exit 1; }
