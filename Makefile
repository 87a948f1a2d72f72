# Everything a developer runs. `make demo` and `make test` start from a bare checkout.
SHELL := /bin/bash
.DEFAULT_GOAL := build
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
export PYTHON
SOURCE ?=

# What the running system needs around it: the workspace's environment, and nothing else.
ros := source install/setup.bash &&
bin := $(CURDIR)/.venv/bin

.PHONY: build demo test lint clean FORCE

build: build/.built

# The environment is made anew when what it is made from changes, or what it stands on does.
.venv/.made: requirements/*.txt requirements/constraints/*.txt scripts/setup_venv.sh \
             scripts/system_packages.sh scripts/adapt_ros_wheels.py build/.mode
	@scripts/setup_venv.sh
	@touch $@

build/.mode: FORCE
	@mkdir -p build
	@mode="$$(scripts/ros_mode.sh) $(PYTHON)"; \
	  [ "$$mode" = "$$(cat $@ 2>/dev/null)" ] || echo "$$mode" > $@

# Python files are linked into install/: only their list matters here, not what is in them.
build/.files: FORCE
	@mkdir -p build
	@find mer_ros launch config -type f -not -path '*/__pycache__/*' 2>/dev/null | sort > $@.new; \
	  cmp -s $@.new $@ && rm $@.new || mv $@.new $@

build/.built: .venv/.made build/.files CMakeLists.txt package.xml scripts/build_workspace.sh \
              $(wildcard msg/*.msg) $(shell find compat -type f -not -name '*.pyc' 2>/dev/null)
	@scripts/build_workspace.sh
	@touch $@

demo: build
	@$(ros) mer demo $(if $(SOURCE),--source "$(SOURCE)")

lint: build
	@$(ros) $(bin)/ruff check .
	@$(ros) $(bin)/ruff format --check --quiet . || \
	  { echo 'ruff format: run .venv/bin/ruff format .' >&2; exit 1; }
	@if [ "$$(scripts/ros_mode.sh)" = wheels ]; then $(ros) $(bin)/mypy mer_ros; \
	  else echo 'mer_ros: no mypy here: it checks against the types of current NumPy and OpenCV'; fi
	@$(ros) $(bin)/lint-imports --no-logo

# The optional backends are tested too; nothing else needs what this installs.
.venv/.backends: .venv/.made requirements/backends.txt
	@echo 'mer_ros: installing the optional backends for their tests'
	@$(bin)/python -m pip -qq install --disable-pip-version-check \
	  -c requirements/constraints/$$(scripts/ros_mode.sh).txt -r requirements/backends.txt
	@touch $@

test: lint .venv/.backends
	@$(ros) $(bin)/python -m pytest

# Training runs lie in build/ too and go with it.
clean:
	rm -rf build install .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
