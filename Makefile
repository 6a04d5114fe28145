# Coxa: everything a user or a founder runs. Needs Python 3.11+, git and make; nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready

.PHONY: chat test check audit bench chaos lock clean
.DEFAULT_GOAL := chat

chat: $(READY)
	@$(BIN)/coxa chat

test: $(READY)
	$(BIN)/python -m pytest

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/coxa check
	@# A secret that is none (made up, for a test): say so on its line with "pragma: allowlist secret".
	@git rev-parse --is-inside-work-tree > /dev/null
	git ls-files -z --cached --others --exclude-standard | \
	  xargs -0 $(BIN)/detect-secrets-hook --no-verify --baseline .secrets.baseline

audit: $(READY)  # known holes in what we depend on; asks the package index, so it needs a network
	@$(BIN)/pip-audit --requirement requirements.lock --require-hashes --disable-pip --strict --progress-spinner off || \
	  { echo "make audit: something was found, or the audit could not be made (see above); it has not passed" >&2; exit 1; }

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Coxa needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "Setting up in $(VENV) (once; about a minute) ..." >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

bench: $(READY)  # ratios in one run; seconds are this machine's
	$(BIN)/python -m tests.benchmarks.rules
	$(BIN)/python -m tests.benchmarks.turns
	$(BIN)/python -m tests.benchmarks.due

chaos: $(READY)  # long: mutants of the rules, their claims under 10,000 examples each, 200 clients over 400 days, kills and faults
	$(BIN)/python -m tests.rules.mutants --part all --jobs 2
	$(BIN)/python -m pytest tests/rules/test_rules.py tests/rules/test_truth.py --hypothesis-profile=chaos
	$(BIN)/python -m tests.simulation --clients 200 --days 400 --seed 1
	$(BIN)/python -m tests.chaos kills --clients 300 --kills 200 --seed 1 --database sqlite
	$(BIN)/python -m tests.chaos kills --clients 300 --kills 200 --seed 1 --database postgresql
	$(BIN)/python -m tests.chaos faults

lock:  # needs uv
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group dev --extra otlp --no-emit-index-url \
	  --no-header pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
