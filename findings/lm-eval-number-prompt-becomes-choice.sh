#!/usr/bin/env bash
# lm-eval 0.4.13: a multiple-choice prompt that consists of digits is taken for the number of a
# choice, and the model is asked something else.
#
# The prompt is a template, "{{number}}", and the choices are "even" and "odd". lm-eval turns a
# rendered prompt of digits into an integer where a task has choices. If the first row is such a
# prompt, the task is taken for one with several contexts, as winogrande is: the model never sees a
# number, and is asked for the label (" 1") behind "even" and behind "odd", the same for every row.
# Nothing is reported, and there is a score. If another row stands first (here "-3", which is not all
# digits), the task ends with an AssertionError at the first row of digits.
#
# Seen: digits first: [('even', ' 1'), ('odd', ' 1'), ('even', ' 1'), ('odd', ' 1')]
#       digits second: AssertionError: Context is not a string! : 1
#
# Exits with 1 if this changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check lm_eval==0.4.13
cd "$work"
HF_HUB_OFFLINE=1 HF_HOME="$work/home" "$work/venv/bin/python" - 2>/dev/null <<'PY'
import json
from pathlib import Path

from lm_eval import simple_evaluate
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager


class Recorder(LM):
    """Remembers what it is asked."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def loglikelihood(self, requests, **_):
        self.asked += [request.args for request in requests]
        return [(-1.0, False) for _ in requests]

    def generate_until(self, requests, **_):
        raise NotImplementedError

    def loglikelihood_rolling(self, requests, **_):
        raise NotImplementedError


def asked(name, numbers):
    data = Path(f"{name}.jsonl").absolute()
    rows = [{"number": one, "label": 1} for one in numbers]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{number}}",
        "doc_to_choice": ["even", "odd"],
        "doc_to_target": "label",
        "metric_list": [{"metric": "acc"}],
    }
    model = Recorder()
    simple_evaluate(model, tasks=[task], task_manager=TaskManager(), bootstrap_iters=0)
    return model.asked


found = asked("digits_first", ["1", "-3"])
print("digits first:", found)
same = found == [("even", " 1"), ("odd", " 1")] * 2
try:
    print("digits second:", asked("digits_second", ["-3", "1"]))
    same = False
except AssertionError as error:
    print("digits second: AssertionError:", error)
raise SystemExit(0 if same else 1)
PY
