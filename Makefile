# Everything a newcomer or CI runs. `make demo` and `make test` need only Python 3.11+, pip and make.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# Processes that share the tests, a file at a time, each on one thread; 0 runs them one after another.
JOBS   ?= 2
# Khronos' glTF validator checks what the tests write; without npm those checks are skipped.
VALIDATOR := tests/gltf_validator/node_modules/.package-lock.json

.PHONY: help demo test slow fuzz check format lint types imports docs clean install

help:            ## list the targets
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[train,dev]"
	@touch $(STAMP)

$(VALIDATOR): tests/gltf_validator/package-lock.json
	@if command -v npm >/dev/null; then \
	    npm ci --prefix tests/gltf_validator --prefer-offline --no-audit --no-fund --silent || true; fi

install: $(STAMP)  ## make .venv and install the package with its development tools

demo: $(STAMP)   ## a sentence in, a BVH, a pose sheet and a player out
	$(BIN)/kinescale generate "a person walks forward and turns to the left" -o walk.bvh --seconds 6 --seed 7 --force
	$(BIN)/kinescale render walk.bvh -o walk.png --force
	$(BIN)/kinescale render walk.bvh -o walk.html --force
	@echo "made walk.bvh (open it in Blender), walk.png (poses over time) and walk.html (open it in a browser)"

test: $(STAMP) $(VALIDATOR)  ## the tests
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not slow" tests

slow: $(STAMP) $(VALIDATOR)  ## the long checks too
	$(BIN)/python -m pytest --timeout=3600 --hypothesis-profile=thorough tests

fuzz: $(STAMP)   ## 100,000 broken files for every reader (an hour or two)
	for reader in amass amc asf bvh csv glb kimodo npy npz smpl_params; do \
	    $(BIN)/python tests/fuzz/fuzz.py $$reader --inputs 100000 --out docs/results || exit 1; done

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

docs: $(STAMP)   ## write the tree and the picture of docs/architecture.md, and build the API reference into build/docs
	$(BIN)/python docs/tree.py
	$(BIN)/python docs/api/pages.py build/docs

clean:           ## remove what the targets made
	rm -rf walk.bvh walk.bvh.json walk.png walk.html .pytest_cache .ruff_cache .hypothesis build dist
