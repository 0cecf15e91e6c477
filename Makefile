PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

DATA ?= ../shared/data

# Tests in two processes, each file in one of them; an engine takes some GiB.
JOBS ?= 2
SIDE_BY_SIDE := -n $(JOBS) --dist loadfile --no-loadscope-reorder

.PHONY: help demo test check bench fidelity torture lock clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*  ## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(READY)  ## evaluate the two built-in checkpoints on the built-in suite
	$(BIN)/evalsuite run --ckpt demo:minilm --ckpt demo:smollm2 --suite smoke

test: $(READY)  ## all tests, real engines included
	$(BIN)/pytest -q $(SIDE_BY_SIDE)

check: $(READY)  ## linter, type check, fast tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q $(SIDE_BY_SIDE) -m "not e2e"

# Each page is written whatever became of the one before; a missed goal stands in the summary.
bench: $(READY)  ## speed beside peers and limits: about seven hours on an idle machine, with DATA=
	-$(BIN)/python bench/startup.py
	-$(BIN)/python bench/report_page.py
	-$(BIN)/python bench/rag_latency.py
	-$(BIN)/python bench/encoder_flops.py
	-$(BIN)/python bench/retrieval_scale.py
	-$(BIN)/python bench/mteb_peer.py $(DATA)/hub
	-$(BIN)/python bench/embedding_profile.py $(DATA)/hub
	$(BIN)/pip install --quiet --no-deps --upgrade --target .gritlm gritlm==1.0.2
	-$(BIN)/python bench/gritlm_peer.py $(DATA)/hub --gritlm .gritlm
	-$(BIN)/python bench/decode_profile.py
	-$(BIN)/python bench/vllm_overhead.py $(DATA)/hub
	-$(BIN)/python bench/lm_eval_peer.py $(DATA)/hub
	$(BIN)/python bench/summary.py

fidelity: $(READY)  ## published scores, pooling formulas, lm-eval's own model, mteb's tasks: two hours, with DATA=
	$(BIN)/python bench/pooling.py $(DATA)
	$(BIN)/python bench/published_scores.py $(DATA)
	$(BIN)/python bench/lm_eval_agreement.py --data $(DATA)/hub
	$(BIN)/python bench/lm_eval_directions.py
	$(BIN)/python bench/checkpoint_zoo.py
	$(BIN)/python bench/cases.py
	$(BIN)/python bench/mteb_tasks.py

# Each report is written whatever became of the one before; the summary fails if one is not good.
torture: $(READY)  ## kills, faults, hostile programs and inputs: about two hours on two cores
	rm -f reports/torture/*.json
	-$(BIN)/python tests/torture/hostile_programs.py
	-PYTHONPATH=tests $(BIN)/python tests/torture/bad_inputs.py
	-OMP_NUM_THREADS=1 $(BIN)/python tests/torture/faults.py
	-OMP_NUM_THREADS=1 $(BIN)/python tests/torture/kills.py --kills 200 --vllm-kills 20 --jobs 2
	$(BIN)/python tests/torture/summary.py
	$(BIN)/pytest -q --torture -m torture

lock: $(READY)  ## resolve the environments anew
	$(BIN)/python requirements/lock.py

clean:  ## remove the environment
	rm -rf $(VENV)

# torch comes first and with what it depends on; the rest of the lock is complete by itself.
$(READY): requirements/cpu.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14) and "evalsuite needs Python 3.11 to 3.13: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint requirements/cpu.lock torch
	$(BIN)/pip install --quiet --no-deps --requirement requirements/cpu.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $(READY)
