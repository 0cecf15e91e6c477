#!/usr/bin/env bash
# lm-eval 0.4.13: whether an answer that looks like a Python list is one text or several targets is
# decided by the first row of the data, and right answers score 0.
#
# A generate_until task has targets from a template, and the metric exact_match. The answers are
# texts; some of them are what Python prints for a list. lm-eval reads a target in brackets as a
# list. If the first row has such a target, the task is taken for one with several right answers:
# "[1, 2]" is then right only where the model says "1" or "2". If another row stands first, the same
# list is turned back into the text and compared as it is. So the same model with the same answers
# scores 1.0 or 0.5, by the order of the rows. Nothing is reported.
#
# Seen: exact_match of right answers: {'list first': 0.5, 'list second': 1.0}
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

ROWS = [
    {"question": "sorted([2, 1])", "answer": "[1, 2]"},
    {"question": "max([2, 1])", "answer": "2"},
]
RIGHT = {row["question"]: row["answer"] for row in ROWS}


class Right(LM):
    """Gives the answer that the data has."""

    def generate_until(self, requests, **_):
        return [RIGHT[request.args[0]] for request in requests]

    def loglikelihood(self, requests, **_):
        raise NotImplementedError

    def loglikelihood_rolling(self, requests, **_):
        raise NotImplementedError


def score(name, rows):
    data = Path(f"{name}.jsonl").absolute()
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{answer}}",
        "metric_list": [{"metric": "exact_match"}],
    }
    found = simple_evaluate(Right(), tasks=[task], task_manager=TaskManager(), bootstrap_iters=0)
    [result] = found["results"].values()
    return float(result["exact_match,none"])


found = {"list first": score("list_first", ROWS), "list second": score("list_second", ROWS[::-1])}
print(f"exact_match of right answers: {found}")
raise SystemExit(0 if found == {"list first": 0.5, "list second": 1.0} else 1)
PY
