"""How large the HTML report of a big store is, and how fast Chromium opens it.

``python bench/report_page.py`` makes a store of 12 checkpoints × 62 tasks (the suite ``grit``)
with 100 samples each and their texts, writes its report with 20 samples a task, opens it in
headless Chromium and writes ``reports/bench/report_page.{json,md}``. ``--screenshots STORE`` writes
the pictures of the documentation from a real store instead.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from common import REPORTS, machine_line, write_json
from evalsuite.commands.report import report_command
from evalsuite.kinds.table import kind_of, make_task
from evalsuite.kinds.task import Task
from evalsuite.registry.load import Registry
from evalsuite.sample_texts import SampleTexts
from evalsuite.schema import CheckpointRef, Record, Signature, digest
from evalsuite.store import Store

CHECKPOINTS = 12
DOCUMENTS = 400
"""Of a corpus, of which checkpoints find different ones."""
SAMPLES = 100
IN_PAGE = 20
OPENS = 9
SUITE = "grit"
IMAGES = Path("docs/images")
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
READY = "html[data-ready]"
SYLLABLES = (
    "ka",
    "lo",
    "mi",
    "ten",
    "ra",
    "su",
    "vel",
    "or",
    "pin",
    "da",
    "gre",
    "cho",
    "nu",
    "est",
)
LIMIT_S, LIMIT_MB = 2.0, 10.0


class Words:
    """Made-up text that compresses worse than English."""

    def __init__(self, seed: object) -> None:
        self.random = random.Random(str(seed))

    def text(self, count: int) -> str:
        """Words of made-up syllables, some of them with a capital."""
        pick = self.random
        words = ["".join(pick.choices(SYLLABLES, k=pick.randint(1, 4))) for _ in range(count)]
        return " ".join(w.capitalize() if pick.random() < 0.1 else w for w in words)


def rows(task: Task, category: str, checkpoint: int) -> list[dict[str, Any]]:
    """Samples with the columns that runs write for tasks of this kind."""
    shared, own = Words(task.name), Words((task.name, checkpoint))
    if kind_of(task).world == "generative":
        shots = shared.text(600)
        return [_answer(task, shots, shared, own, number) for number in range(SAMPLES)]
    found = []
    for number in range(SAMPLES):
        row: dict[str, Any] = {"sample": str(number), "subset": "default"}
        value = own.random.random()
        if category in ("STS", "Pair classification"):
            gold = "gold" if category == "STS" else "label"
            row |= {gold: shared.random.randint(0, 1), "cosine": value, "dot": value}
        elif category in ("Retrieval", "Reranking"):
            documents = [f"doc-{own.random.randint(0, DOCUMENTS - 1):06d}" for _ in range(10)]
            row |= {"ndcg_at_10": value, "ap": value, "documents": documents, "score": value}
            row["similarities"] = [round(own.random.random(), 3) for _ in documents]
        else:
            guesses = [own.random.randint(0, 76) for _ in range(10)]
            share = own.random.randint(0, 10) / 10
            row |= {"gold": shared.random.randint(0, 76), "predictions": guesses, "score": share}
        found.append(row)
    return found


def texts(task: Task, category: str) -> SampleTexts | None:
    """What the samples of an embedding task are about."""
    if kind_of(task).world == "generative":
        return None
    words = Words((task.name, "texts"))
    names = {"STS": ("sentence1", "sentence2"), "Pair classification": ("sentence1", "sentence2")}
    retrieves = category in ("Retrieval", "Reranking")
    columns = ("query",) if retrieves else names.get(category, ("text",))
    items: list[dict[str, Any]] = []
    for number in range(SAMPLES):
        item: dict[str, Any] = {"sample": str(number), "subset": "default"}
        items.append(item | {column: words.text(20) for column in columns})
        if retrieves:
            items[-1]["relevant"] = [f"doc-{words.random.randint(0, DOCUMENTS - 1):06d}"]
    corpus = range(DOCUMENTS if retrieves else 0)
    named = {("default", f"doc-{number:06d}"): words.text(150) for number in corpus}
    return SampleTexts(items=items, named=named)


def _answer(task: Task, shots: str, shared: Words, own: Words, number: int) -> dict[str, Any]:
    right = own.random.random() < 0.5
    response = own.text(own.random.randint(20, 160))
    return {
        "sample": f"{task.name}/{number}",
        "score": float(right),
        "prompt": f"<|user|>\n{shots}\n\n{shared.text(80)}\n<|assistant|>\n",
        "target": str(shared.random.randint(0, 999)),
        "response": response,
        "extracted": response.rpartition(" ")[2],
        "parsed": True,
        "logprobs": "",
    }


def fill(store: Store) -> int:
    """Write the records of all checkpoints; their number."""
    registry = Registry.load()
    suite = registry.suite(SUITE)
    parts = {part for mean in suite.subtask_means for part in mean.mean_of}
    tasks = [task for task in registry.suite_tasks(suite) if task.name not in parts]
    # One record stands for the mean over subtasks, as in mteb's own result files.
    tasks += [
        make_task(name=mean.name, kind="mteb", source=mean.name, category=mean.category)
        for mean in suite.subtask_means
    ]
    for number in range(CHECKPOINTS):
        for index, task in enumerate(tasks):
            record = _record(task, number, index)
            category = task.category or ""
            store.put(record, rows(task, category, number), texts(task, category))
    return CHECKPOINTS * len(tasks)


def _record(task: Task, number: int, index: int) -> Record:
    name = f"run-checkpoint-{100 * (number + 1)}"
    score = Words((task.name, number, "score")).random.uniform(0.2, 0.9)
    return Record(
        status="scored",
        checkpoint=CheckpointRef(
            name=name,
            fingerprint=digest(name),
            source=name,
            kind="grit",
            step=100 * (number + 1),
        ),
        task=task.model_dump(mode="json", exclude_defaults=True),
        signature=Signature(
            task=task.name,
            task_hash=task.hash,
            world=kind_of(task).world,
            harness="mteb 2.26.24" if kind_of(task).world == "embedding" else "lm-eval 0.4.13",
            engine="transformers 5.19.0" if kind_of(task).world == "embedding" else "vllm 0.32.0",
            device="cuda",
            dtype="bfloat16",
            max_length=512,
            data=digest([task.name, "data"]),
        ),
        main_metric="accuracy",
        score=score,
        stderr=0.01,
        n=SAMPLES,
        metrics={f"metric_at_{k}": score / k for k in range(1, 40)},
        details={"rendered": {"query": {"text": Words(task.name).text(60)}}},
        environment={"python": "3.11", "packages": {f"package-{i}": "1.0" for i in range(12)}},
        created=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number * 100 + index),
    )


@contextmanager
def chromium() -> Iterator[Browser]:
    """The installed browser, headless."""
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(browser: Browser, file: Path) -> dict[str, float]:
    """Open the page in a fresh context; seconds until it can be used, and until it is painted."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    started = time.perf_counter()
    page.goto(file.as_uri())
    page.wait_for_selector(READY, state="attached", timeout=60_000)
    wall = time.perf_counter() - started
    ready = float(page.evaluate("document.documentElement.dataset.ready"))
    while (paint := page.evaluate(PAINT)) is None:
        page.wait_for_timeout(10)
    context.close()
    return {"interactive_s": wall, "script_done_s": ready / 1000, "painted_s": paint / 1000}


def measure() -> None:
    """Make the store and the page, open it, write the figures."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        records = fill(Store(results))
        file = Path(folder) / "report.html"
        registry = Registry.load()
        started = time.perf_counter()
        report_command(results, registry, registry.suite(SUITE), file=file, samples=IN_PAGE)
        written = time.perf_counter() - started
        size = file.stat().st_size / 1e6
        with chromium() as browser:
            version = browser.version
            opened(browser, file)  # the browser's own first start is not the page's
            found = [opened(browser, file) for _ in range(OPENS)]
    _write(records, size, written, version, found)


def _write(
    records: int, size: float, written: float, version: str, found: list[dict[str, float]]
) -> None:
    times = {key: [round(one[key], 3) for one in found] for key in found[0]}
    middle = {key: statistics.median(values) for key, values in times.items()}
    figures: dict[str, Any] = {
        "records": records,
        "samples_in_page_per_task": IN_PAGE,
        "size_mb": round(size, 2),
        "limit_mb": LIMIT_MB,
        "limit_s": LIMIT_S,
        "write_s": round(written, 1),
        "chromium": version,
        "opens": len(found),
        "median": middle,
        "lowest": {key: min(values) for key, values in times.items()},
        "highest": {key: max(values) for key, values in times.items()},
        "all": times,
    }
    write_json(REPORTS / "report_page.json", figures)
    words = {
        "interactive_s": "until usable, seen from outside",
        "script_done_s": "until usable, by the page's own clock",
        "painted_s": "until first painted",
    }
    said = (
        f"{records} records ({CHECKPOINTS} checkpoints × {records // CHECKPOINTS} tasks), "
        f"{IN_PAGE} samples a task in the page: **{size:.2f} MB** (limit {LIMIT_MB:g}), written in "
        f"{written:.1f} s. Opened {len(found)} times in headless Chromium {version}; limit "
        f"{LIMIT_S:g} s."
    )
    lines = [
        "# The HTML report of a large store",
        "",
        said,
        "",
        "| | median | lowest | highest |",
        "|---|---|---|---|",
        *(
            f"| {text} | {middle[key]:.2f} s | {min(times[key]):.2f} s | {max(times[key]):.2f} s |"
            for key, text in words.items()
        ),
        "",
        f"{machine_line()}. `python bench/report_page.py`",
        "",
    ]
    (REPORTS / "report_page.md").write_text("\n".join(lines), encoding="utf-8")
    print(json.dumps({k: v for k, v in figures.items() if k != "all"}, indent=1))


def screenshots(results: Path) -> None:
    """Pictures of the suite ``smoke`` for the documentation."""
    registry = Registry.load()
    looks: dict[str, dict[str, Any]] = {
        "report-desktop": {"viewport": {"width": 1280, "height": 860}},
        "report-samples": {"viewport": {"width": 1280, "height": 860}},
        "report-dark": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "dark"},
        "report-phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
    }
    places = {
        "report-desktop": "#h-summary",
        "report-samples": "#h-samples",
        "report-dark": "#forest",
        "report-phone": "#h-samples",
    }
    sample = "#s/smoke-reading/smollm2/smollm2-grit-unified/smoke-reading%2F24/changed"
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        file = Path(folder) / "report.html"
        pair = ("smollm2", "smollm2-grit-unified")
        report_command(results, registry, registry.suite("smoke"), file=file, compare=pair)
        for name, look in looks.items():
            page = browser.new_context(**look, reduced_motion="reduce").new_page()
            page.goto(file.as_uri() + (sample if "samples" in places[name] else ""))
            page.wait_for_selector(READY, state="attached")
            page.locator(places[name]).evaluate(
                "e => scrollTo(0, e.getBoundingClientRect().top + scrollY - 24)"
            )
            page.screenshot(path=IMAGES / f"{name}.png")


def main() -> None:
    """Measure, or take pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--screenshots", type=Path, metavar="STORE")
    arguments = parser.parse_args()
    if arguments.screenshots:
        screenshots(arguments.screenshots)
    else:
        measure()


if __name__ == "__main__":
    main()
