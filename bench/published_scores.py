"""all-MiniLM-L6-v2 in float32 on public data, beside its published scores.

Runs ``evalsuite run`` and compares each main score with the result file that
embeddings-benchmark/results holds for the model. Run as
``python bench/published_scores.py ../shared/data``; exits with 1 if a score is more than 0.02
(in percent) away. Takes some minutes: SciFact has 5,183 documents.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from common import REPORTS, environment, machine_line, write_json

EVALSUITE = Path(sys.executable).with_name("evalsuite")
TASKS = (
    "Banking77Classification",
    "AmazonCounterfactualClassification",
    "EmotionClassification",
    "STSBenchmark",
    "STS12",
    "STS13",
    "STS15",
    "SciFact",
)
TOLERANCE = 0.02
"""Percentage points."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One score, in percent."""

    task: str
    subset: str
    measured: float
    published: float
    published_with: str

    @property
    def met(self) -> bool:
        """Whether the two agree."""
        return abs(self.measured - self.published) <= TOLERANCE


def main() -> int:
    """Measure, print, write; 1 if a score is off."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with hub/ and mteb-results/")
    parser.add_argument("--tasks", nargs="+", default=TASKS, choices=TASKS)
    parser.add_argument("--json", type=Path, default=REPORTS / "published_scores.json")
    options = parser.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as scratch:
        run(options.tasks, options.data / "hub", Path(scratch))
        for path in sorted(Path(scratch).glob("results/*/*.json")):
            if path.name.endswith(".outcome.json"):
                raise SystemExit(f"not scored: {path.read_text()}")
            figures.extend(compare(json.loads(path.read_text()), options.data / "mteb-results"))
    figures.sort(key=lambda figure: TASKS.index(figure.task))
    text = markdown(figures)
    print(text)
    write_json(options.json, {"figures": [{**asdict(f), "met": f.met} for f in figures]})
    options.json.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    return 0 if all(figure.met for figure in figures) else 1


def run(tasks: tuple[str, ...], data: Path, scratch: Path) -> None:
    """Evaluate all subsets of each task (``mteb:NAME``) with vectors computed now."""
    command = ["run", "--ckpt", "demo:minilm", "--tasks", ",".join(f"mteb:{t}" for t in tasks)]
    command += ["--data", str(data), "--dtype", "float32"]
    command += ["--out", str(scratch / "results"), "--reports", str(scratch / "reports")]
    subprocess.run([str(EVALSUITE), *command], check=True, env=environment(scratch))


def compare(record: dict[str, object], published: Path) -> Iterator[Figure]:
    """Each subset of a record's test split beside the published one."""
    task = str(record["task"]["source"])  # type: ignore[index]
    (file,) = published.glob(f"sentence-transformers__all-MiniLM-L6-v2/*/{task}.json")
    theirs = json.loads(file.read_text())
    official = {row["hf_subset"]: row["main_score"] for row in theirs["scores"]["test"]}
    for row in record["raw"]["scores"]["test"]:  # type: ignore[index]
        yield Figure(
            task=task,
            subset=row["hf_subset"],
            measured=100 * row["main_score"],
            published=100 * official[row["hf_subset"]],
            published_with=f"mteb {theirs['mteb_version']}",
        )


def markdown(figures: list[Figure]) -> str:
    """The figures as a table under a line about the machine."""
    lines = [
        "all-MiniLM-L6-v2, float32: main scores in percent, measured and published",
        "",
        f"{machine_line()}; tolerance {TOLERANCE}",
        "",
        "| task | subset | measured | published | difference | |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {f.task} | {f.subset} | {f.measured:.3f} | {f.published:.3f} "
        f"| {f.measured - f.published:+.3f} | {'met' if f.met else 'MISSED'} |"
        for f in figures
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
