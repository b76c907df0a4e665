# Everything a newcomer or CI runs. `make demo` and `make test` need only Python 3.11+, pip and make.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: help demo test slow check format lint types imports docs clean install

help:            ## list the targets
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[train,dev]"
	@touch $(STAMP)

install: $(STAMP)  ## make .venv and install the package with its development tools

demo: $(STAMP)   ## a sentence in, a BVH, a pose sheet and a player out
	$(BIN)/kinescale generate "a person walks forward and turns to the left" -o walk.bvh --seconds 6 --seed 7 --force
	$(BIN)/kinescale render walk.bvh walk.png --force
	$(BIN)/kinescale render walk.bvh walk.html --force
	@echo "made walk.bvh (open it in Blender), walk.png (poses over time) and walk.html (open it in a browser)"

test: $(STAMP)   ## the tests
	$(BIN)/python -m pytest -m "not slow" tests

slow: $(STAMP)   ## the long checks too
	$(BIN)/python -m pytest --timeout=3600 tests

format: $(STAMP) ## rewrite the code in the house format
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

lint: $(STAMP)
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks

types: $(STAMP)
	$(BIN)/pyright

imports: $(STAMP)
	$(BIN)/lint-imports

check: lint types imports test  ## format, lint, types, import contract, tests: what CI runs

docs: $(STAMP)   ## write the README's file tree anew
	$(BIN)/python docs/tree.py

clean:           ## remove what the targets made
	rm -rf walk.bvh walk.bvh.json walk.png walk.html .pytest_cache .ruff_cache .hypothesis build dist
