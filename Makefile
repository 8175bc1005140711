# Every target sets up what it needs. Nothing but Python 3.11+ and make is asked for.
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.setup-done
SYSTEM_PYTHON ?= python3

.PHONY: setup demo test check lint type bars-line bars-collect bars-features bars-failure bars-quality bars-alerts chaos

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(SYSTEM_PYTHON) -c 'import sys; sys.exit("Forewarn needs Python 3.11 or newer; SYSTEM_PYTHON=... names another one") if sys.version_info < (3, 11) else None'
	test -x $(PY) || $(SYSTEM_PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check uv -c constraints.txt
	$(VENV)/bin/uv pip install --quiet --compile-bytecode --python $(PY) -e '.[dev]' -c constraints.txt
	touch $@

demo: setup
	$(VENV)/bin/forewarn demo $(DEMO_ARGS)

test: setup
	$(PY) -m pytest -n auto --maxprocesses 4 --dist loadfile $(TEST_ARGS)

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports

type: setup
	$(VENV)/bin/mypy

check: lint type test

bars-line: setup
	$(PY) -m benchmarks.line

chaos: setup
	$(PY) -m benchmarks.chaos $(CHAOS_ARGS)

bars-collect: setup
	$(PY) -m benchmarks.collect

bars-features: export RAYON_NUM_THREADS = 1
bars-features: export POLARS_MAX_THREADS = 1
bars-features: export OPENBLAS_NUM_THREADS = 1
bars-features: setup
	$(VENV)/bin/uv pip install --quiet --python $(PY) -e '.[dev,peers]' -c constraints.txt
	$(PY) -m benchmarks.features

bars-failure: export OPENBLAS_NUM_THREADS = 1
bars-failure: export OMP_NUM_THREADS = 1
bars-failure: setup
	$(PY) -m benchmarks.failure

bars-quality: export OPENBLAS_NUM_THREADS = 1
bars-quality: setup
	$(PY) -m benchmarks.quality

bars-alerts: setup
	$(PY) -m benchmarks.alerts
