# make demo    start the service, send it the fixture requests, show what comes back
# make serve   leave it running (PORT=8000), for trying out: no token needed
# make test    everything that CI checks by running it
# make dev     the tools of the tests, for the commands that begin with `python -m tests.`
# Each target sets up .venv itself; only Python 3.11 or newer and make are needed.

PYTHON ?= python3
PORT ?= 8000
PYTEST ?= -n auto

BIN := .venv/bin
RUN := .venv/.installed
DEV := .venv/.installed-dev

.PHONY: demo serve dev test lint types check coverage mutants bench bench-short load sbom audit licences deployment lock clean

demo: $(RUN)
	@$(BIN)/imaging-cds demo

serve: $(RUN)
	$(BIN)/imaging-cds serve --open --port $(PORT)

dev: $(DEV)

test: $(DEV)
	$(BIN)/python -m pytest $(PYTEST)

lint: $(DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(DEV)
	$(BIN)/mypy

check: $(RUN)
	$(BIN)/imaging-cds check

coverage: $(RUN)
	$(BIN)/imaging-cds coverage

mutants: $(RUN)
	$(BIN)/imaging-cds check --mutate --sample 5

bench: $(RUN)
	$(BIN)/python bench/stages.py
	$(BIN)/python bench/server.py
	$(BIN)/python bench/criteria.py
	$(BIN)/python bench/mappings.py

bench-short: $(RUN)
	$(BIN)/python bench/stages.py --sizes 1,50,1000 --rounds 3
	$(BIN)/python bench/server.py --rounds 10 --seconds 1

# The server under load: its capacity, five minutes at 80 % of it, a minute at three times. MINUTES=0.2 for a look.
load: $(DEV)
	$(BIN)/python bench/load.py --minutes $(or $(MINUTES),5)

# What the service is made of, in CycloneDX.
sbom: $(DEV)
	@mkdir -p build
	$(BIN)/cyclonedx-py requirements requirements.txt --pyproject pyproject.toml --of JSON -o build/sbom.json 2>/dev/null
	@$(BIN)/python -c "import json; print('sbom:', len(json.load(open('build/sbom.json'))['components']), 'components')"

audit: $(DEV)
	@$(BIN)/python .ci/audit.py

licences: $(DEV)
	@$(BIN)/python .ci/licences.py

# What stands in deploy/, by the linters of its kind.
deployment: $(DEV)
	$(BIN)/hadolint deploy/Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(BIN)/kubernetes-validate --strict --quiet $(filter-out %/kustomization.yaml,$(wildcard deploy/kubernetes/*.yaml))

# Pin every dependency anew, for all platforms and Pythons that pyproject.toml allows.
lock: .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
	    pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
	    pyproject.toml --extra replay --group dev -c requirements.txt -o requirements-dev.txt

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed.")'
	$(PYTHON) -m venv .venv

$(RUN): .venv/bin/python requirements.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(DEV): $(RUN) requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
