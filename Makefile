# What a person or a machine does with this repository. `make` alone lists it.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test fuzz check format bench endless train sounds eval telephone wheel clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

# Two installs in one environment: what a person needs to talk to it, and what a developer needs.
# The stamps make a second run do nothing until the list of packages changes.
.venv/pyvenv.cfg:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "visavis needs Python 3.11 or newer; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv

.venv/stamp-run: pyproject.toml constraints.txt | .venv/pyvenv.cfg
	@echo "installing what visavis needs into .venv (once; torch is large) ..."
	$(INSTALL) --editable .
	@touch $@

.venv/stamp-dev: pyproject.toml constraints.txt | .venv/pyvenv.cfg
	@echo "installing what visavis and its tests need into .venv (once; torch is large) ..."
	$(INSTALL) --editable '.[dev,train]'
	@touch .venv/stamp-run $@

demo: .venv/stamp-run  ## talk to it: starts the server and prints the address to open
	$(BIN)/visavis serve $(ARGS)

test: .venv/stamp-dev  ## run every test
	$(BIN)/python -m pytest $(ARGS)

fuzz: .venv/stamp-dev  ## every parser of what comes in, guided by coverage (ARGS="--seconds 60")
	$(INSTALL) 'atheris>=3'
	$(BIN)/python tests/fuzz/run.py $(ARGS)

check: .venv/stamp-dev  ## lint, format, import directions, both type checkers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYTHONPATH=src $(BIN)/lint-imports
	PYTHONPATH=src $(BIN)/mypy
	$(BIN)/pyright

format: .venv/stamp-dev  ## put the source in its standard form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/stamp-dev  ## a scripted person talks to it; one table and one line of JSON
	$(BIN)/visavis bench talk $(ARGS)

endless: .venv/stamp-dev  ## a day of conversation on virtual time: memory stays, replay is exact
	$(BIN)/python -m visavis.latency_bench endless $(ARGS)

train: .venv/stamp-dev  ## train the embedded model from seeds (hours on two cores; resumes)
	$(BIN)/python -m visavis.models.training $(ARGS)

sounds: .venv/stamp-dev  ## train what notices beeps, claps, whistles and hums (minutes on one core)
	$(BIN)/python -m visavis.models.training.train_sounds $(ARGS)

telephone: .venv/stamp-dev  ## the same through a telephone line: µ-law at 8 kHz
	$(BIN)/visavis eval --telephone $(ARGS)

eval: .venv/stamp-dev  ## measure the shipped weights on unseen pictures and voices
	$(BIN)/visavis eval --json models/weights/nano.eval.json --html docs/evaluation.html $(ARGS)

wheel: .venv/stamp-dev  ## build dist/*.whl
	$(BIN)/python -m build --wheel --no-isolation

clean:  ## remove what was built; .venv stays
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
