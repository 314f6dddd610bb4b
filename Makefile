# Thin: every target calls `python -m ROOM` or a program of the environment.
VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PY := $(VENV)/bin/python
STAMP := $(VENV)/installed
DEBIAN := $(shell cat packages-test.txt)
MISSING := $(shell for p in $(DEBIAN); do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done)

# A file of tests stays in one process: its fixtures are made once.
SIDE_BY_SIDE := -n logical --maxprocesses 4 --dist loadfile

.DEFAULT_GOAL := help
# Lower instruction sets, as oneDNN, torch, MKL and fbgemm can be told to use.
AVX2 := ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2 \
  FBGEMM_ENABLE_AVX512_256=1
SSE := ONEDNN_MAX_CPU_ISA=SSE41 ATEN_CPU_CAPABILITY=default MKL_ENABLE_INSTRUCTIONS=SSE4_2 \
  FBGEMM_ENABLE_AVX512_256=1
KERNEL_TESTS := tests/core/test_precision.py tests/core/test_running_batch.py \
  tests/core/test_language_model.py

.PHONY: help environment debian studio test test-kernels lint clean screenshots check-raters check-load check-start check-faults check-install check-edits check-abuse check-workers audit check-space docs

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 24

environment: $(STAMP) ## the Python environment in $(VENV)

# musicnn's package is compared with the shipped weights by a test; its pins cannot be met.
# laion-clap comes from requirements.txt; for Python 3.13, as said there, from here.
$(STAMP): requirements.txt requirements-dev.txt
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet -r requirements.txt -r requirements-dev.txt
	$(PY) -m pip install --quiet --no-deps musicnn==0.1.0 laion-clap==1.1.7
	$(PY) -m pip install --quiet --no-deps --editable .
	touch $(STAMP)

# As root or in CI the Debian packages are installed; otherwise the one line is printed.
debian:
ifneq ($(MISSING),)
	@if [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	    --no-install-recommends $(MISSING) >/dev/null; \
	elif [ "$$CI" = true ]; then \
	  sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	    --no-install-recommends $(MISSING) >/dev/null; \
	else \
	  echo "Some tests are skipped until: sudo apt-get install --no-install-recommends $(MISSING)"; \
	fi
endif

studio: $(STAMP) ## the page on http://127.0.0.1:7860
	$(PY) app.py

test: $(STAMP) debian ## all tests
	$(PY) -m pytest $(SIDE_BY_SIDE) -m "not timing"
	$(PY) -m pytest -m timing

test-kernels: $(STAMP) ## the decoder's tests again under lower instruction sets
	$(AVX2) $(PY) -m pytest $(SIDE_BY_SIDE) $(KERNEL_TESTS)
	$(SSE) $(PY) -m pytest $(SIDE_BY_SIDE) $(KERNEL_TESTS)

docs: $(STAMP) ## the documentation as a website, in site/
	$(PY) -m mkdocs build --strict

lint: $(STAMP) ## format, rules and types
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy

screenshots: $(STAMP) debian ## every tab at 1280 and 390 px, light and dark
	$(PY) -m studio screenshots

check-raters: $(STAMP) debian ## 100 simulated raters on SQLite and PostgreSQL, killed midway
	$(PY) -m studio check-raters

check-load: $(STAMP) debian ## 20 people at once on the page, against one after the other
	$(PY) -m studio check-load

check-abuse: $(STAMP) debian ## floods and 20 minutes of random actions beside one honest visitor
	$(PY) -m studio check-abuse

check-workers: $(STAMP) debian ## two workers and one page over PostgreSQL, one worker killed
	$(PY) -m studio check-workers

# Strict: a package that the database could not be asked about is a failure, not a pass.
audit: $(STAMP) ## known faults of all installed packages (asks PyPI's vulnerability database)
	$(PY) -m pip list --format freeze --exclude-editable | sed 's/+cpu$$//' > $(VENV)/installed.txt
	$(PY) -m pip_audit --strict --no-deps --disable-pip --progress-spinner off \
	  -r $(VENV)/installed.txt

check-start: $(STAMP) debian ## start to usable page, click to first sound
	$(PY) -m studio check-start

check-space: $(STAMP) debian ## the environment that a Space builds, and every tab in it
	$(PY) -m studio check-space

check-faults: $(STAMP) debian ## killed worker, full disk, missing model, huge uploads, rapid clicks
	$(PY) -m studio check-faults

check-edits: $(STAMP) ## 2 s redone in 20 pieces: what is kept, the joins, the tempo
	PYTHONPATH=. $(PY) tests/check_edits.py

check-install: $(STAMP) ## the built wheel in an empty environment: library, command, page files
	$(PY) tests/check_install.py

clean: ## remove caches (not the environment)
	rm -rf .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
