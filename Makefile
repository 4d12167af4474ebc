# `make` lists what can be made. Everything happens in .venv, which `tools/bootstrap.sh` makes from the lock files.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help .venv install dev train-env model demo adapt-demo web test chaos check lock clean

help: ## list the targets
	@sed -n 's/^\([a-z.-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

.venv: ## make the virtual environment with what serving needs
	@tools/bootstrap.sh runtime

install: .venv ## the same as .venv

dev: ## make the virtual environment with what tests and checks need
	@tools/bootstrap.sh dev

train-env: ## make the virtual environment with what the tests of training need too: torch for CPUs
	@tools/bootstrap.sh train

model: .venv ## fetch and verify the base model
	@.venv/bin/sotto models fetch base >/dev/null

demo: .venv ## live captions and a transcript of a shipped recording, from nothing
	@.venv/bin/sotto demo

adapt-demo: train-env model ## from 100 sentences and 96 names to a better model, on a CPU, in adapt-demo/
	.venv/bin/sotto models fetch-voices kokoro
	.venv/bin/sotto models adapt adapt-demo --id base-adapted --recipe models/recipes/base-cpu.yaml --max-words 16 \
	    --seeds tests/data/seeds/seeds.jsonl --keywords tests/data/seeds/keywords.csv --general tests/data/manifest.jsonl

web: ## build the web page that the gateway serves at /app/; needs npm
	@tools/web.sh

test: dev model ## run the tests; those of training are skipped where torch cannot be had
	@tools/bootstrap.sh train || echo "The tests of training are skipped: torch is not installed (make train-env)"
	@# three processes wait and work on two cores; threads of BLAS and torch would only spin beside them
	OMP_NUM_THREADS=1 .venv/bin/pytest -n 3 --dist loadfile

chaos: dev ## break a deployment thirty times while clients dictate (docs/reliability.md); all kinds need root
	.venv/bin/python -m loadtest.chaos --faults 30 --storm

check: dev ## format, lint, types, import rules, then the tests
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(MAKE) test

lock: .venv ## write the lock files from pyproject.toml; `tools/lock.sh --upgrade` renews versions too
	tools/lock.sh

clean: ## remove .venv and caches; fetched models stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
	rm -rf service/gateway/page clients/typescript/dist clients/typescript/node_modules clients/web/build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
