# Everything sets itself up: the first target on a fresh machine needs only Python 3.11-3.14 and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCH_READY := $(VENV)/.bench-ready
SECONDS ?= 60

NVRTC_12_9 := build/nvrtc-12.9

.PHONY: help demo test test-gpu-full gpu-report gpu-selftest fuzz lint format lock bench bench-full laboratory perf-matrix clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## prove and verify a batch of RingCT and of Multiply proofs
	$(BIN)/fastpath-prover demo

test: $(READY) ## run the tests
	$(BIN)/pytest

test-gpu-full: $(READY) $(NVRTC_12_9)/.ready ## build the CUDA kernels with every compiler for every card, and emulate them at length
	$(BIN)/pytest -m gpu_full

gpu-report: $(READY) $(if $(ALL),$(NVRTC_12_9)/.ready) ## registers, spills and instructions of the CUDA kernels (ALL=1: every compiler, every card), and a model's times
	$(BIN)/python -m benchmarks.gpu $(if $(ALL),--all)

gpu-selftest: $(READY) ## on a machine with an NVIDIA GPU: install what it needs, test it, measure it against the model
	$(BIN)/python -m benchmarks.gpu.selftest

fuzz: $(READY) ## hold every fast path against simple ones on random and hostile input, for SECONDS=60
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(if $(CASE),--case $(CASE))
	$(if $(CASE),,$(BIN)/python -m tests.fuzz.guided --seconds $(SECONDS))

lint: $(READY) ## check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(READY) ## apply the house style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(BENCH_READY) ## measure kernels and proofs beside their peers, in some minutes: build/benchmarks/report.md
	$(BIN)/python -m benchmarks --scope normal

bench-full: $(BENCH_READY) ## the same at more and larger sizes, in an hour or more
	$(BIN)/python -m benchmarks --scope full

laboratory: $(BENCH_READY) ## the control plane in simulated overload, beside the policy it replaces: build/laboratory/report.md
	$(BIN)/python -m benchmarks.fastpath --scope normal

perf-matrix: $(BENCH_READY) ## measure the running service, compare with the recorded run (RECORD=1 replaces it): build/perf-matrix/report.md
	$(BIN)/python -m benchmarks.perf_matrix $(if $(RECORD),--record)

lock: $(READY) ## resolve the dependencies again: names, versions and hashes for every supported Python
	$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/pip install -q uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --extra dev --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header pyproject.toml -o requirements.lock

$(NVRTC_12_9)/.ready:
	$(BIN)/pip install -q --disable-pip-version-check --target $(NVRTC_12_9) nvidia-cuda-nvrtc-cu12==12.9.86
	@touch $@

clean: ## remove the virtual environment and every cache in the tree
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
	  || { echo "Python 3.11 to 3.14 is needed; name one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

$(BENCH_READY): $(READY)
	$(BIN)/pip install -q --disable-pip-version-check --no-build-isolation -e '.[bench]'
	@touch $(BENCH_READY)
