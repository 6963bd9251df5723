# Two commands do everything: `make book` and `make test`. Both set up .venv by themselves.
PROFILE  ?= laptop
DATA     ?= auto
DEVICE   ?= auto
CHAPTERS ?= all
PYTHON   ?= python3
# An own build of torch: put it into .venv first and run `make TORCH= book`.
TORCH    ?= torch==2.13.0

# Threads that spin while they wait make small steps many times slower on a busy machine.
export OMP_WAIT_POLICY ?= PASSIVE
# Containers often forbid compiled modules; then each process compiles all of torch again.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
.DELETE_ON_ERROR:

.PHONY: help book test refs lock bench doctor clean
help:
	@echo "make book [PROFILE=smoke|laptop|paper] [DATA=auto|real|simulated] [DEVICE=auto|cpu|cuda] [CHAPTERS=all|cme,...]"
	@echo "make test | refs | bench | lock | doctor | clean"

.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "awd: needs Python 3.11 or newer; name one with  make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	  { echo "awd: '$(PYTHON) -m venv' failed; on Debian or Ubuntu: apt-get install python3-venv"; rm -rf .venv; exit 1; }
	@echo "Setting up .venv (about 0.4 GB of packages with torch's CPU build, a minute or two)"
	$(PIP) install --quiet --no-compile --require-hashes --no-deps -r requirements.lock
	$(if $(strip $(TORCH)),$(PIP) install --quiet --no-compile '$(TORCH)')
	$(PIP) install --quiet --no-compile --no-deps --no-build-isolation -e .
	$(PIP) check
	@touch $@

book: .venv/.ready
	$(BIN)/awd book --profile $(PROFILE) --data $(DATA) --device $(DEVICE) --chapters $(CHAPTERS)

test: .venv/.ready
	$(BIN)/python -m pytest

refs: .venv/.ready
	$(BIN)/awd refs --chapters $(CHAPTERS)

doctor: .venv/.ready
	$(BIN)/awd doctor

# The authors' package has no part in the project but as a peer to be timed against.
bench: .venv/.ready
	$(PIP) install --quiet --no-compile --no-deps awave==0.1
	$(BIN)/python benchmarks/run.py

lock:
	uv pip compile requirements.in --override requirements.overrides --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-emit-index-url --no-emit-package awdlib --upgrade -o requirements.lock

clean:
	rm -rf .venv _build book/notebooks book/_vendor data/runs
