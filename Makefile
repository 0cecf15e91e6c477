PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

DATA ?= ../shared/data

# Parts of `make bench`, each a program in bench/ and a target bench-NAME.
PARTS := startup report_page rag_latency encoder_flops retrieval_scale mteb_peer \
	embedding_profile gritlm_peer decode_profile vllm_overhead lm_eval_peer few_shot_peer \
	late_interaction
# What a part reads.
BENCH_DATA_mteb_peer := $(DATA)/hub
BENCH_DATA_embedding_profile := $(DATA)/hub
BENCH_DATA_gritlm_peer := $(DATA)/hub --gritlm .gritlm
BENCH_DATA_vllm_overhead := $(DATA)/hub
BENCH_DATA_lm_eval_peer := $(DATA)/hub
BENCH_DATA_late_interaction := $(DATA)/hub
BENCH_DATA_few_shot_peer := $(wildcard $(DATA)/hub)

# Tests in two processes, each file in one of them; an engine takes some GiB.
JOBS ?= 2
SIDE_BY_SIDE := -n $(JOBS) --dist loadfile --no-loadscope-reorder

.PHONY: help demo test check bench $(PARTS:%=bench-%) fidelity torture lock clean

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
bench: $(READY)  ## speed beside peers and limits: about nine hours on an idle machine, with DATA=
	-for part in $(PARTS); do $(MAKE) --no-print-directory bench-$$part; done
	$(BIN)/python bench/summary.py

# One part of it, for example: make bench-few_shot_peer ARGS=--quick
$(PARTS:%=bench-%): bench-%: $(READY)
	$(BIN)/python bench/$*.py $(BENCH_DATA_$*) $(ARGS)

bench-gritlm_peer: .gritlm

.gritlm: $(READY)
	$(BIN)/pip install --quiet --no-deps --upgrade --target .gritlm gritlm==1.0.2

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
	-PYTHONPATH=tests $(BIN)/python tests/torture/watch_kills.py --kills 30
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
