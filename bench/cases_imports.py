"""The cases about result files of others: F1 to F3, F11 to F13, and parts of F17."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

from cases_tools import STAMP, Line, mteb_file, mteb_row, result_file
from evalsuite.store import Store

SUITE = """\
name: mine
tasks: ["lm_eval:{task}"]
sections:
  - {{world: generative, title: Generative, columns: [{{label: X, tasks: ["lm_eval:{task}"]}}]}}
"""


def take(line: Line, file: Path, harness: str = "lm-eval", **options: str) -> tuple[int, str]:
    """``evalsuite import``."""
    more = [word for key, value in options.items() for word in (f"--{key}", value)]
    return line("import", harness, file, *more)


def shown(line: Line, out: str = "results") -> list[list[str]]:
    """The rows of the table: name of the model and its scores."""
    _, text = line("table", "--out", out, "--format", "csv")
    return list(csv.reader(io.StringIO(text)))


def direction(line: Line) -> None:
    """F1: a metric that falls is better."""
    for name, value in (("base", 12.0), ("worse", 30.0), ("better", 5.0)):
        entry = {"wikitext": {"word_perplexity,none": value, "word_perplexity_stderr,none": 0.2}}
        stated = {"wikitext": {"word_perplexity": False}}
        args = f"pretrained=org/{name}"
        file = line.folder / "files" / name
        take(line, result_file(file, entry, model_args=args, higher_is_better=stated))
    suites = line.folder / "tasks" / "suites"
    suites.mkdir(parents=True)
    (suites / "mine.yaml").write_text(SUITE.format(task="wikitext"))
    (line.folder / "policy.yaml").write_text("suite: mine\ntolerance: {default: 1.0}\n")
    for name, code in (("worse", 10), ("better", 0)):
        done, text = line(
            "check", "--baseline", "base", "--candidate", name, "--policy", "policy.yaml",
            "--tasks-dir", "tasks",
        )  # fmt: skip
        line.is_right(f"check, perplexity 12 → {name}: exit {code}", done == code, f"exit {done}")
    _, text = line("table", "--tasks-dir", "tasks", "--format", "markdown")
    line.is_right("the lowest perplexity is bold", "**5.0**" in text, text)


def identity(line: Line) -> None:
    """F2: as many rows as models."""
    stated = {
        "plain": ("pretrained=org/toy", 0.30),
        "adapter": ("pretrained=org/toy,peft=/runs/lora", 0.60),
        "4bit": ("pretrained=org/toy,load_in_4bit=True", 0.25),
        "thinking": ("pretrained=org/toy,enable_thinking=True", 0.70),
        "one": ("pretrained=/runs/one/checkpoint-500", 0.33),
        "two": ("pretrained=/runs/two/checkpoint-500", 0.44),
    }
    for name, (args, value) in stated.items():
        entry = {"arc_easy": {"acc,none": value}}
        take(line, result_file(line.folder / name, entry, model_args=args))
    for name, value in (("mtA", 0.5), ("mtB", 0.9)):
        folder = line.folder / name / "no_model_name__available" / "no_revision_available"
        scores = {"test": [mteb_row("default", value, "accuracy")]}
        mteb_file(folder, "Banking77Classification", scores, name="no_model_name/available")
        take(line, line.folder / name, "mteb")
    rows = shown(line)
    names = {row[0] for row in rows[1:] if row}
    line.is_right("8 evaluations of 8 models: 8 rows", len(names) == len(rows) - 1 == 8, names)
    entry = {"arc_easy": {"acc,none": 0.99}}
    again = result_file(line.folder / "again", entry, model_args="pretrained=org/toy")
    line.is_refused("a second score for one cell", take(line, again), 4, "arc_easy")


def mteb_folders(line: Line) -> None:
    """F3: splits, subsets and bad files of mteb's result folders."""
    folder = line.folder / "m" / "org__m" / "r"
    nan = [mteb_row("default", math.nan)]
    mteb_file(folder, "AFQMC", {"test": nan, "validation": [mteb_row("default", 0.36)]})
    both = {"validation": [mteb_row("default", 0.8)], "test": [mteb_row("default", 0.6)]}
    mteb_file(folder, "STSB", both)
    lengths = {f"test_{256 * 2**n}": [mteb_row("default", n / 8, "ndcg_at_1")] for n in range(8)}
    passkey = mteb_file(folder, "LEMBPasskeyRetrieval", lengths)
    some = {"test": [mteb_row(name, 0.9, "accuracy") for name in ("eng_Latn", "deu_Latn")]}
    mteb_file(folder, "SIB200Classification", some)
    twice = {"test": [mteb_row("default", value) for value in (0.4, 0.9)]}
    mteb_file(folder, "BIOSSES", twice)
    speed = {"test": [mteb_row("default", 26867.0, "avg_words_per_sec")]}
    mteb_file(folder, "GPUSpeedTask", speed)
    code, text = take(line, line.folder / "m", "mteb")
    line.is_value("AFQMC is scored on validation", line.record("mteb:AFQMC").score, 0.36)
    line.is_value("STSB is the mean of both splits", line.record("mteb:STSB").score, 0.7)
    found = line.record("mteb:LEMBPasskeyRetrieval").score
    line.is_value("LEMBPasskeyRetrieval as mteb reads it", found, mteb_reads(passkey))
    _, table = line("table", "--format", "markdown")
    line.is_right("2 subsets of many are marked", "(2 of 591 parts)" in table, table)
    for word in ("BIOSSES", "GPUSpeedTask"):
        line.is_refused(f"{word} is left out alone", (code, text), 0, word)


def mteb_reads(file: Path) -> float:
    """The score that mteb itself reads from a complete file."""
    import mteb
    from mteb.results import TaskResult

    result = TaskResult.from_disk(file)
    task = mteb.get_task(result.task_name)
    return float(result.validate_and_filter_scores(task).get_score())


def nested_group(line: Line) -> None:
    """F11: groups within groups keep samples and n."""
    leaves = ("mmlu_anatomy", "mmlu_astronomy", "mmlu_virology")
    entries = {name: {"acc,none": 0.5} for name in ("mmlu", "mmlu_stem", "mmlu_other", *leaves)}
    subtasks = {
        "mmlu": ["mmlu_stem", "mmlu_other"],
        "mmlu_stem": list(leaves[:2]),
        "mmlu_other": [leaves[2]],
    }
    file = result_file(
        line.folder / "g",
        entries,
        groups={name: entries[name] for name in subtasks},
        group_subtasks=subtasks | {name: [] for name in leaves},
        **{"n-samples": {name: {"original": 100, "effective": 4} for name in leaves}},
    )
    for name in leaves:
        rows = [
            {
                "doc_id": n, "doc": {"q": n}, "target": 0, "arguments": [["Q", "A"]],
                "resps": [[["-1.0", "True"]]], "filtered_resps": [["-1.0", "True"]],
                "filter": "none", "metrics": ["acc"], "doc_hash": f"{name}{n}", "acc": n % 2,
            }
            for n in range(4)
        ]  # fmt: skip
        text = "".join(json.dumps(row) + "\n" for row in rows)
        file.with_name(f"samples_{name}_{STAMP}.jsonl").write_text(text)
    take(line, file)
    record = line.record("lm_eval:mmlu")
    samples = record.samples.rows if record.samples else 0
    line.is_right("n is 12, 12 samples", (record.n, samples) == (12, 12), (record.n, samples))


def stated_settings(line: Line) -> None:
    """F12: what a file states of its settings is in the signature."""
    entry = {"gsm8k": {"exact_match,strict-match": 0.5}}
    first = {"versions": {"gsm8k": 2}, "task_hashes": {"gsm8k": "aaaa"}}
    second: dict[str, Any] = {
        "versions": {"gsm8k": 3}, "task_hashes": {"gsm8k": "bbbb"},
        "config": {"gen_kwargs": {"temperature": 1.0}}, "system_instruction": "Be terse.",
        "system_instruction_sha": "c0ffee00", "fewshot_as_multiturn": True,
    }  # fmt: skip
    for name, more in (("va", first), ("vb", second)):
        args = f"pretrained=org/{name},dtype=bfloat16"
        take(line, result_file(line.folder / name, entry, model_args=args, **more))
    signatures = [line.record("lm_eval:gsm8k", model=name).signature for name in ("va", "vb")]
    line.is_right("two signatures", signatures[0] != signatures[1], signatures[1].short())
    precise = all(one.dtype == "bfloat16" for one in signatures)
    line.is_right("the stated precision", precise, signatures[0].dtype)
    _, text = line("compare", "va", "vb")
    notes = [text_line for text_line in text.splitlines() if "version" in text_line]
    line.is_right("compare says that settings differ", bool(notes), notes or text)


def units(line: Line) -> None:
    """F13: units, NaN, limits as shares, answers that were never found."""
    for name, value in (("low", 0.93), ("high", 1.10)):
        entry = {"wikitext": {"bits_per_byte,none": value}}
        file = result_file(line.folder / name, entry, model_args=f"pretrained=org/{name}")
        take(line, file, out="bits")
    cells = {cell for row in shown(line, "bits")[1:] for cell in row}
    line.is_right("0.93 and 1.10 bits in one unit", {"0.93", "1.1"} <= cells, sorted(cells))
    entry = {
        "gsm8k": {"exact_match,strict-match": math.nan, "exact_match,flexible-extract": 0.5},
        "wikitext": {"word_perplexity,none": math.inf, "byte_perplexity,none": 1.7},
        "arc_easy": {"acc,none": 0.5},
    }
    code, text = take(line, result_file(line.folder / "nan", entry))
    failed = {name: line.record(f"lm_eval:{name}").status for name in entry}
    wanted = {"gsm8k": "failed", "wikitext": "failed", "arc_easy": "scored"}
    line.is_right("NaN is a failed score: exit 1", failed == wanted and code == 1, text)
    for share in (0.1, 0.5):
        file = result_file(
            line.folder / f"share{share}", {"piqa": {"acc,none": 0.5}}, config={"limit": share}
        )
        take(line, file, out="shares")
    limits = {record.signature.limit for record in Store(line.folder / "shares").records()}
    line.is_right("10 % and 50 % of the items: two signatures", len(limits) == 2, limits)


CASES = {
    "F1": direction,
    "F2": identity,
    "F3": mteb_folders,
    "F11": nested_group,
    "F12": stated_settings,
    "F13": units,
}
