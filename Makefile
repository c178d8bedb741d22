# `make demo` and `make test` need nothing but Python 3.11 or newer; everything else is put into folders of this checkout.
# The environment's own index settings (UV_*, PIP_*) hold. Why it is done so: docs/decisions/0001.

DEMO ?= $(BIN)/python -m penstock run examples/census.py
TESTS ?= tests
WORKERS ?= 3

OLDEST := import sys; print(sys.executable) if sys.version_info >= (3, 11) else sys.exit(1)
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c '$(OLDEST)' 2>/dev/null && break; done)

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV ?= $(or $(shell command -v uv 2>/dev/null),.tools/uv/bin/uv)
OWN_UV := .tools/uv/.ready
PYTEST := pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# The Python found above is the one used; an activated environment is not.
export UV_PYTHON_DOWNLOADS ?= never
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH

.DEFAULT_GOAL := help
.PHONY: help demo dev-install test check test-all bench bench-peers soak docs lock format clean

help: ## what can be made
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(READY) ## run the example workflow and say where its results are
	@$(DEMO)

dev-install: $(READY) ## the environment to work on Penstock in, in .venv
	@echo "$(BIN)/python has penstock, and all that its tests and documents need"

test: check ## all checks, then all tests; the closing line is pytest's
	@$(BIN)/$(PYTEST) $(TESTS) --cov

check: $(READY) ## format, lint, types, layers
	@$(BIN)/ruff format --check --quiet --output-format concise .
	@$(BIN)/ruff check --quiet --output-format concise .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo

format: $(READY) ## lay the code out as `make check` wants it
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

bench: $(READY) ## the budgets, each beside its bare baseline
	@$(BIN)/python -m benchmarks

bench-peers: $(READY) ## the same work on other engines, each in an environment of its own
	@$(BIN)/python -m benchmarks.peers

soak: $(READY) ## simulated and real crashes, for as long as SOAK_SECONDS says
	@$(BIN)/python -m benchmarks.soak

docs: $(READY) ## the documentation as pages, in build/docs
	@$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs
	@echo build/docs/index.html

# ── other Pythons, where there are any: a target for each, python3.12 and so on ─────────────────────────────────────

OTHERS := 3.12 3.13
find_python = $(firstword $(shell for p in python$(1) $(wildcard $(HOME)/.pyenv/versions/$(1).*/bin/python$(1)); do \
	$$p -c 'import sys; print(sys.executable)' 2>/dev/null; done))
FOUND := $(foreach version,$(OTHERS),$(if $(call find_python,$(version)),$(version)))

test-all: $(FOUND:%=test-%) test ## the tests on every Python found, then `make test`
	@:

.PHONY: $(OTHERS:%=test-%)
$(OTHERS:%=test-%): test-%: .venv-%/.ready
	@echo "Python $*"
	@.venv-$*/bin/$(PYTEST) $(TESTS)

# ── environments ────────────────────────────────────────────────────────────────────────────────────────────────────

ENVIRONMENTS := $(READY) $(OTHERS:%=.venv-%/.ready)
$(READY): OF = $(PYTHON)
$(foreach version,$(OTHERS),$(eval .venv-$(version)/.ready: OF = $$(call find_python,$(version))))

$(ENVIRONMENTS): requirements/dev.txt pyproject.toml | $(if $(filter .tools/%,$(UV)),$(OWN_UV))
	@test -n "$(OF)" || { echo "Penstock needs Python 3.11 or newer; name one: make PYTHON=..." >&2; exit 1; }
	@test -x $(@D)/bin/python || $(UV) venv --quiet --python "$(OF)" $(@D)
	@echo "installing into $(@D)"
	@$(UV) pip install --quiet --python $(@D)/bin/python --require-hashes -r requirements/dev.txt
	@$(UV) pip install --quiet --python $(@D)/bin/python --no-deps --no-build-isolation -e .
	@touch $@

# pip goes into an environment of its own too: Debian's Python installs nothing outside one, and may have no ensurepip.
$(OWN_UV): requirements/uv.txt
	@test -n "$(PYTHON)" || { echo "Penstock needs Python 3.11 or newer; name one: make PYTHON=..." >&2; exit 1; }
	@"$(PYTHON)" -m venv --clear $(@D) >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear --without-pip $(@D)
	@if [ -x $(@D)/bin/pip ]; then pip="$(@D)/bin/python -m pip"; else pip="$(PYTHON) -m pip --python $(@D)/bin/python"; fi; \
		$$pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

lock: pyproject.toml | $(if $(filter .tools/%,$(UV)),$(OWN_UV)) ## choose the newest versions and pin them in requirements/
	@$(UV) lock --quiet --upgrade --python "$(PYTHON)"
	@$(UV) export --quiet --frozen --format requirements.txt --no-header --no-emit-project --all-extras --group dev \
		--output-file requirements/dev.txt
	@echo uv | $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
		--output-file requirements/uv.txt -

clean: ## remove what was built and measured; environments stay
	@rm -rf build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
