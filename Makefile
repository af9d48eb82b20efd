# Each target sets up what it needs. The virtual environment is made anew when pyproject.toml changes.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

# vLLM for CPUs with two tiny models, in an environment of its own: a server, never imported by Reread.
VLLM_VENV ?= .venv-vllm
VLLM_BIN := $(VLLM_VENV)/bin
VLLM_READY := $(VLLM_VENV)/ready

# Servers that the tests of the service start, each on a port of its own: Redis, and PostgreSQL for the ledger of many machines.
SERVERS := redis-server postgresql

.PHONY: demo test test-vllm vllm lint bench bench-convert bench-service audit serve servers clean help
.DEFAULT_GOAL := help

help:
	@echo "make demo   the main job on the papers in samples/"
	@echo "make test   every test"
	@echo "make vllm   real vLLM servers with tiny models, for tests: an environment of 3.5 GB"
	@echo "make test-vllm  the tests that ask those servers"
	@echo "make lint   ruff, format and types"
	@echo "make serve  the service on this machine, on http://127.0.0.1:8321"
	@echo "make bench  the figures of docs/log.md, on ../shared/corpus where it is there"
	@echo "make bench-convert  how fast papers are converted beside Docling alone, and where the time goes"
	@echo "make bench-service  those of the service: faults (20 minutes), load (20 minutes), contract (6 minutes)"
	@echo "make audit  known vulnerabilities of what is installed (needs a network)"

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Reread needs Python 3.11 or newer; name it with PYTHON=...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing: apt-get install python3-venv" >&2; exit 1; }
	@echo "installing into $(VENV) (about 2.3 GB, two minutes)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@
	@echo "ready: $(VENV)"

demo: $(READY)
	@$(BIN)/python bench/demo.py

servers:
	@if ! command -v redis-server >/dev/null || ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing $(SERVERS)"; apt-get update -qq >/dev/null 2>&1; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(SERVERS) >/dev/null; \
	  else echo "not every test can run: sudo apt-get install $(SERVERS)" >&2; fi; fi

serve: $(READY)
	@command -v redis-server >/dev/null || command -v valkey-server >/dev/null || $(MAKE) --no-print-directory servers
	@$(BIN)/reread serve

test: $(READY) servers
	@$(BIN)/python -m pytest
	@echo "tested: every test that this machine can run"

$(VLLM_READY): bench/tiny_vllm/requirements.txt bench/tiny_vllm/models.py
	@$(PYTHON) bench/tiny_vllm/platform_check.py
	@test -x $(VLLM_BIN)/python || $(PYTHON) -m venv $(VLLM_VENV) || { echo "Python's venv module is missing: apt-get install python3-venv" >&2; exit 1; }
	@echo "installing vLLM into $(VLLM_VENV) (3.5 GB, two minutes)"
	@$(VLLM_BIN)/pip install --quiet --disable-pip-version-check --requirement bench/tiny_vllm/requirements.txt
	@$(VLLM_BIN)/pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@$(VLLM_BIN)/pip install --quiet --disable-pip-version-check --no-deps torchvision==0.28.0
	@HF_HUB_OFFLINE=1 PYTHONPATH=bench/tiny_vllm/hooks $(VLLM_BIN)/python bench/tiny_vllm/models.py $(VLLM_VENV)/models
	@touch $@

vllm: $(VLLM_READY)
	@echo "ready: $(VLLM_VENV), with the models text and vision"

test-vllm: $(READY) $(VLLM_READY)
	@VLLM_VENV=$(abspath $(VLLM_VENV)) $(BIN)/python bench/tiny_vllm/servers.py -- $(BIN)/python -m pytest -m vllm tests/test_vllm.py
	@echo "tested: what Reread does with real vLLM servers"

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@echo "linted: rules, format, types"

bench: $(READY)
	@$(BIN)/python bench/main_job.py

bench-convert: $(READY)
	@$(BIN)/python bench/convert.py

bench-service: $(READY) servers
	@$(BIN)/python bench/faults.py --seed 21 --long
	@$(BIN)/python -m bench.load all
	@$(BIN)/python bench/contract.py --cases 200

audit: $(READY)
	@$(BIN)/pip install --quiet --disable-pip-version-check pip-audit
	@$(BIN)/pip-audit --local

clean:
	rm -rf $(VENV) $(VLLM_VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
