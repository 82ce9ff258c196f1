# `make help` lists the targets. Everything installs into .venv with pinned hashes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PRODUCTION := $(VENV)/.production
PEERS := .local/peers
AUDIT := .local/audit
AZURE_PREVIEW := .local/azure-preview
NEXT := .local/next
PYTEST := $(if $(SECOND_TRY),$(BIN)/python -m tests.second_try,$(BIN)/pytest) -n 2 --durations=10
# Unit tests of the pure packages, each beside the package of the same name.
QUICK := $(addprefix tests/,$(addprefix certificates/,x509 authentication diagnosis samples) namespaces/authorization namespaces/rules)

# Tests and demos start many processes: each would compile every module again where Python may not keep what it compiled.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install audit production demo test test-quick test-long test-future test-next test-broker lint types check browser programs node azure-preview lighthouse fuzz chaos format bench pins

help: ## list the targets
	@grep -hE '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

$(STAMP): requirements/dev.txt
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv is missing. On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	rm -f $(PRODUCTION)
	touch $(STAMP)

install: $(STAMP) ## create .venv and install what is pinned

$(PRODUCTION): requirements/production.txt
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv is missing. On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/production.txt
	touch $(PRODUCTION)

production: $(PRODUCTION) ## create .venv with what production needs and nothing else: docs/production.md

demo: install ## run the whole product on this machine
	$(BIN)/python manage.py demo $(DEMO)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	find templates -name '*.html' -print0 | xargs -0 -r $(BIN)/djade --check --target-version 5.2
	$(BIN)/python manage.py makemigrations --check --dry-run

types: install
	$(BIN)/mypy

check: lint types ## lint and types, and a warning for old sources of docs/fidelity.md
	@$(BIN)/python -m tests.support.azure.fidelity

browser: install ## find a Chromium for the tests, else install one
	$(BIN)/python -m tests.e2e.browser

programs: install ## install mosquitto's clients and strace for the tests, where Debian's package manager is there
	$(BIN)/python -m tests.support.programs

node: ## install MQTT.js and @azure/arm-resources for the tests, where Node.js and npm are there
	@if command -v npm >/dev/null; then npm install --prefix tests/node --no-audit --no-fund --no-package-lock --ignore-scripts --silent || echo "The clients in JavaScript could not be installed: their tests are skipped."; else echo "npm is missing: the tests of clients in JavaScript are skipped. On Debian or Ubuntu: apt install npm"; fi

$(AZURE_PREVIEW)/.installed: requirements/azure-preview.txt
	rm -rf $(AZURE_PREVIEW)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --target $(AZURE_PREVIEW) -r requirements/azure-preview.txt
	touch $@

azure-preview: install ## install the preview of azure-mgmt-eventgrid for the tests, beside the stable version
	@$(MAKE) --no-print-directory $(AZURE_PREVIEW)/.installed || echo "The preview of azure-mgmt-eventgrid could not be installed: its tests are skipped."

test: lint browser programs node azure-preview ## lint, types and every test of behaviour, with real processes and a real browser
	@mkdir -p .local
	@$(BIN)/mypy > .local/types.txt 2>&1 & types=$$!; \
	$(PYTEST) -m "not long"; tests=$$?; \
	wait $$types; types=$$?; echo "Types: $$(tail -n 1 .local/types.txt)"; \
	test $$types -eq 0 || cat .local/types.txt; test $$tests -eq 0 -a $$types -eq 0

test-quick: install ## unit tests of the pure packages, in seconds
	$(PYTEST) -m "not long" $(QUICK)

test-long: browser programs node azure-preview ## what make test leaves out: chaos, PostgreSQL, fuzzing, memory, the demo's life cycle, test-future
	$(PYTEST) -m long
	@$(MAKE) --no-print-directory test-future

test-broker: install ## the tests that send messages, on a broker of yours: make test-broker BROKER=amqp://guest:guest@localhost//
	@test -n "$(BROKER)" || { echo "Which broker? make test-broker BROKER=amqp://guest:guest@localhost//"; exit 1; }
	TEST_BROKER_URL=$(BROKER) $(BIN)/pytest -n 2 tests/sync tests/portal tests/namespaces tests/e2e

test-future: install ## the tests that depend on the date, with the clock ten years ahead
	$(BIN)/python -c 'import importlib.util, sys; sys.exit(not importlib.util.find_spec("libfaketime"))' || $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/clock.txt
	$(BIN)/python -m tests.future -n 2 --durations=10

$(NEXT)/.installed: requirements/next.txt
	@for python in $(PYTHON_NEXT) python3.14 python3.13 python3.12 python3; do \
		if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then \
			$$python -m venv $(NEXT) && \
			$(NEXT)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/next.txt && \
			touch $@ && exit 0; exit 1; \
		fi; \
	done

test-next: $(NEXT)/.installed ## all tests on the newest Django, with PYTHON_NEXT or a Python 3.12 or newer that is found
	@if [ -f $(NEXT)/.installed ]; then $(NEXT)/bin/pytest -n 2 --durations=10 $(TESTS); else \
		echo "*** SKIPPED: Django 6 needs Python 3.12 or newer, and none was found."; \
		echo "*** Run: make test-next PYTHON_NEXT=/path/to/python3.13"; fi

fuzz: install ## the coverage-guided fuzzer of uploads, for longer: make fuzz RUNS=100000
	@mkdir -p .local
	$(BIN)/python -m tests.certificates.diagnosis.fuzz_upload -runs=$(or $(RUNS),100000) -max_len=20000 -artifact_prefix=.local/

chaos: install ## the chaos test, longer and with seeds of its own: make chaos ROWS=2000
	$(BIN)/python -W error -m tests.sync.chaos --rows $(or $(ROWS),2000) --patience 300
	$(BIN)/python -W error -m tests.sync.chaos --rows $(or $(ROWS),2000) --patience 300 --postgresql-and-redis --outage 15

format: install ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	find templates -name '*.html' -print0 | xargs -0 -r $(BIN)/djade --target-version 5.2

$(PEERS)/.installed: requirements/peers.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/peers.txt
	touch $@

lighthouse: ## install Lighthouse for bench-pages, where Node.js and npm are there
	@if command -v npm >/dev/null; then npm install --prefix benchmarks/node --no-audit --no-fund --no-package-lock --ignore-scripts --silent || echo "Lighthouse could not be installed."; else echo "npm is missing: there are no scores of Lighthouse. On Debian or Ubuntu: apt install npm"; fi

# The modules of all benchmarks, such as benchmarks.decision.bench_webhook.
BENCHMARKS := $(subst /,.,$(basename $(sort $(shell find benchmarks -name 'bench_*.py' 2>/dev/null))))

bench: install $(PEERS)/.installed lighthouse ## run every benchmark
	@for b in $(BENCHMARKS); do $(BIN)/python -m $$b; done

bench-arm: bench-emulator ## the emulator's ARM beside moto's server
	@:

bench-emulator: $(PEERS)/.installed

bench-pages: browser lighthouse

bench-%: install ## run one benchmark, such as bench-demo
	$(BIN)/python -m $(or $(filter %.bench_$*,$(BENCHMARKS)),$(error There is no benchmark bench_$*))

PIN := uv pip compile --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header
LTS := $(PIN) --python-version 3.11 --constraints requirements/lts.in

$(AUDIT)/.installed: requirements/audit.txt
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/audit.txt
	touch $@

audit: $(AUDIT)/.installed ## known vulnerabilities in what production installs; needs the advisory database of PyPI
	@mkdir -p .local; $(AUDIT)/bin/pip-audit --disable-pip --require-hashes -r requirements/production.txt > .local/audit.txt 2>&1; code=$$?; \
	if grep -q "could not be audited" .local/audit.txt || ! grep -q "known vulnerabilit" .local/audit.txt; then \
	  echo "The advisory database is out of reach: not every package was checked. Details: .local/audit.txt"; exit 2; fi; \
	cat .local/audit.txt; exit $$code

pins: ## renew the pinned requirements
	$(LTS) pyproject.toml -o requirements/runtime.txt
	$(LTS) --extra postgresql --extra redis pyproject.toml -o requirements/production.txt
	$(LTS) --group dev pyproject.toml -o requirements/dev.txt
	$(LTS) --no-deps --group pyproject.toml:clock -o requirements/clock.txt
	$(LTS) --no-deps --group pyproject.toml:azure-preview -o requirements/azure-preview.txt
	$(LTS) --group pyproject.toml:peers -o requirements/peers.txt
	$(LTS) --group pyproject.toml:audit -o requirements/audit.txt
	$(PIN) --python-version 3.12 --constraints requirements/next.in --group dev pyproject.toml -o requirements/next.txt
