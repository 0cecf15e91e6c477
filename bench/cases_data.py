"""The cases about data of one's own: F9, F10, F14, F15 and F17.

Answers come from tiny models that were taught what to say, so that the right score is known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cases_imports import take
from cases_tools import Line, mteb_file, mteb_row, result_file, taught

CHOICE: Mapping[str, Any] = {
    "type": "multiple_choice",
    "prompt": "{{q}}",
    "choices": "{{o}}",
    "answer_prefix": "A:",
    "target": "{{t}}",
}
HEADERS = {name: f"def {name}(n):\n    '''Of n.'''" for name in ("first", "second", "third")}
CODE = {
    "first": (
        "Install:\n```bash\npip install x\n```\n```python\ndef first(n):\n    return 2 * n\n```"
    ),
    "second": "Here:\n~~~python\ndef second(n):\n    return 2 * n\n~~~",
    "third": (
        "<think>\n```python\ndef third(n):\n    return n\n```\nwrong</think>\n"
        "```python\ndef third(n):\n    return 2 * n\n```"
    ),
}
"""Function → a response in which it is defined rightly."""


def numbers(line: Line) -> None:
    """F9: signs, units and thinking around numbers."""
    said = {
        "a": ("It is -5", "-5"),  # right
        "b": ("It is -5", "5"),  # wrong
        "c": ("In all 1,234.50 euros", "1234.5"),  # right
        "d": ("So <think>maybe 48</think> 18", "18"),  # right
        "e": ("Then 7<think>or 8", "7"),  # right: what follows is thinking
        "f": ("x = 1e5", "100000"),  # right
        "g": ("half: 1/2", "0.5"),  # right
        "h": ("The numbers are 3,4", "34"),  # wrong
    }
    model = taught(line.folder / "lm", {f"{q}\nA:": f" {text}" for q, (text, _) in said.items()})
    file = line.rows("numbers", [{"q": q, "a": right} for q, (_, right) in said.items()])
    asked = {"type": "generate", "prompt": "{{q}}", "answer_prefix": "A:", "target": "{{a}}"}
    number = line.task("number", "lm_eval", {"test": file}, **asked, extract="last_number")
    code, text = line.run(model, number)
    line.is_right("evaluated", code == 0, f"exit {code}: {text[-200:]}")
    line.is_value("last_number: 6 of 8", line.record(number).score, 6 / 8)
    whole = {"i": ("1.5 kg", "15 kg"), "j": ("-5 °C", "5 °C"), "k": ("18.00 euros", "18 euros")}
    model = taught(line.folder / "lm2", {f"{q}\nA:": f" {text}" for q, (text, _) in whole.items()})
    file = line.rows("units", [{"q": q, "a": right} for q, (_, right) in whole.items()])
    units = line.task("units", "lm_eval", {"test": file}, **asked)
    line.run(model, units)
    line.is_value("numbers with units: 1 of 3", line.record(units).score, 1 / 3)


def targets(line: Line) -> None:
    """F10: multiple-choice targets as index, letter and text; those that are no choice."""
    options = [["red", "blue"], ["cat", "dog"], ["sun", "rain"], ["tea", "milk"]]
    right = [0, 1, 1, 0]
    chosen = [0, 1, 0, 1]
    prompts = {f"q{n}\nA:": f" {options[n][pick]}" for n, pick in enumerate(chosen)}
    model = taught(line.folder / "lm", prompts)
    forms: dict[str, Sequence[Any]] = {
        "index": right,
        "letter": ["AB"[n] for n in right],
        "bracketed letter": [f"({'AB'[n]})" for n in right],
        "text": [options[row][n] for row, n in enumerate(right)],
    }
    names = {}
    for number, (form, given) in enumerate(forms.items()):
        names[form] = _choices(line, f"form{number}", options, given)
    line.run(model, *names.values())
    for form, name in names.items():
        line.is_value(f"targets as {form}: 2 of 4", line.record(name).score, 2 / 4)
    for form, given, words in (
        ("an index that no choice has", [0, 1, 1, 5], (":4: ", "5")),
        ("a letter that no choice has", ["A", "B", "C", "A"], (":3: ", "'C'")),
        ("an index from 1", [1, 2, 2, 1], (":2: ", "int - 1")),
    ):
        bad = _choices(line, "bad", options, given)
        line.is_refused(form, line.run(model, bad), 4, "bad.jsonl", *words)
        line.is_refused(f"validate: {form}", line("tasks", "validate", "tasks"), 4, *words)


def _choices(line: Line, name: str, options: Sequence[Any], given: Sequence[Any]) -> str:
    rows = [
        {"q": f"q{n}", "o": pair, "t": one}
        for n, (pair, one) in enumerate(zip(options, given, strict=True))
    ]
    return line.task(name, "lm_eval", {"test": line.rows(name, rows)}, **CHOICE)


def mixed_types(line: Line) -> None:
    """F14: rows are rendered as they were read."""
    rows = [
        {"q": 3, "a": 8, "unused": None},
        {"q": 2.5, "a": "9", "unused": [1, "a"]},
        {"q": "x", "a": 8.5, "unused": {"k": 1}},
    ]
    said = {"Q 3": " 8", "Q 2.5": " 9", "Q x": " 8.5"}
    model = taught(line.folder / "lm", said)
    name = line.task(
        "mixed", "lm_eval", {"test": line.rows("mixed", rows)},
        type="generate", prompt="Q {{q}}", target="{{a}}",
    )  # fmt: skip
    code, text = line("tasks", "validate", "tasks")
    line.is_right("validate passes it", code == 0, text)
    _, text = line.run(model, name, more=["--dry-run"])
    line.is_right("the prompt is 'Q 3', not 'Q 3.0'", "'Q 3'" in text, text[-300:])
    line.run(model, name)
    line.is_value("3 of 3", line.record(name).score, 1.0)


def code(line: Line) -> None:
    """F15: the block that defines the function, outside thinking."""
    rows = [
        {"prompt": head, "entry_point": name, "instruction": name,
         "tests": f"assert {name}(3) == 6\nassert {name}(5) == 10"}
        for name, head in HEADERS.items()
    ]  # fmt: skip
    said = {
        f"<|user|>\n{name}\n<|assistant|>\n{head}": f"\n{CODE[name]}"
        for name, head in HEADERS.items()
    }
    model = taught(line.folder / "lm", said, chat=True)
    name = line.task("code", "lm_eval", {"test": line.rows("code", rows)}, type="code")
    done, text = line.run(model, name)
    line.is_right("evaluated", done == 0, f"exit {done}: {text[-300:]}")
    line.is_value("3 of 3 functions pass", line.record(name).score, 1.0)


def small(line: Line) -> None:
    """F17: own files in lm-eval's format, judgements, experiments, nulls."""
    home = line.folder / "tasks" / "lm_eval"
    home.mkdir(parents=True)
    (home / "d.jsonl").write_text('{"t": "red"}\n')
    (home / "own.yaml").write_text(
        "task: own_bits\noutput_type: loglikelihood_rolling\ndataset_path: json\n"
        "dataset_kwargs: {data_files: {test: d.jsonl}}\ntest_split: test\n"
        "doc_to_text: ''\ndoc_to_target: '{{t}}'\nmetric_list: [{metric: bits_per_byte}]\n"
    )
    model = taught(line.folder / "lm", {"": "red"})
    done, text = line.run(model, "lm_eval:own_bits")
    line.is_right("a task of one's own in lm-eval's format runs", done == 0, text[-200:])
    _judgements(line)
    folder = line.folder / "mteb" / "org__m" / "r"
    for place, value in ((folder, 0.5), (folder / "experiments" / "dim_64", 0.4)):
        mteb_file(place, "STSBenchmark", {"test": [mteb_row("default", value)]})
    take(line, line.folder / "mteb", "mteb", out="mteb-results")
    rows = line("table", "--out", "mteb-results", "--format", "markdown")[1]
    line.is_right("experiments are a row of their own", "50.0" in rows and "40.0" in rows, rows)
    file = result_file(line.folder / "files", {"arc_easy": {"acc,none": 0.5}})
    file.write_text(json.dumps(json.loads(file.read_text()) | {"n-samples": None}))
    done, text = take(line, file)
    line.is_right("n-samples: null says nothing", done == 0, text)


def _judgements(line: Line) -> None:
    """Retrieval files with defects; they are refused before a model is loaded."""
    documents = [{"id": f"d{n}", "text": f"text {n}"} for n in range(4)]
    queries = [{"id": f"q{n}", "text": f"query {n}"} for n in range(2)]
    good = [{"query-id": f"q{n}", "corpus-id": f"d{n}", "score": 1} for n in range(2)]
    defects: dict[str, tuple[list[Any], list[Any], tuple[str, ...]]] = {
        "a judgement twice, 1 and 0": (documents, [*good, good[0] | {"score": 0}], (":3: ",)),
        "a document that does not exist": (
            documents,
            [*good, good[0] | {"corpus-id": "x"}],
            ("x",),
        ),
        "a document twice": ([*documents, documents[0] | {"text": "other"}], good, (":5: ", "d0")),
    }
    for number, (defect, (corpus, qrels, words)) in enumerate(defects.items()):
        files = {"corpus": corpus, "queries": queries, "qrels": qrels}
        data = {role: line.rows(f"{role}{number}", rows) for role, rows in files.items()}
        line.task("search", "mteb", data, type="retrieval")
        line.is_refused(f"validate: {defect}", line("tasks", "validate", "tasks"), 4, *words)


CASES = {"F9": numbers, "F10": targets, "F14": mixed_types, "F15": code, "F17": small}
