# `make demo` and `make test` set up what they need; nothing has to be activated.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup demo test lint generated bench

help:
	@echo "make setup   a virtual environment in .venv with everything"
	@echo "make demo    a real sweep: 24 trainings on handwritten digits, a minute or two"
	@echo "make test    the whole test suite"
	@echo "make lint    ruff and mypy"
	@echo "make generated   what is shipped as data and made from the code: the schema, what TAB completes"
	@echo "make bench   every benchmark, printed as tables"

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[recipes,dev]'
	touch $@

demo: setup
	$(BIN)/sweeprun start configs/quickstart.yaml
	@echo
	@echo "Train the best one again, to the same value:"
	@$(BIN)/sweeprun best quickstart -f command

test: setup
	$(BIN)/python -m pytest -n logical --maxprocesses 8 --dist worksteal

lint: setup
	$(BIN)/ruff check
	$(BIN)/mypy

generated: setup
	$(BIN)/sweeprun schema > schema.tmp && mv schema.tmp sweeprun/spec/sweep.schema.json
	$(BIN)/python -m sweeprun.cli.grammar > grammar.tmp && mv grammar.tmp sweeprun/cli/grammar.json

bench: setup
	@set -e; for program in $(wildcard benchmarks/*.py); do echo "== $$program"; $(BIN)/python $$program; done
