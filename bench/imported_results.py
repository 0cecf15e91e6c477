"""Whole result folders of mteb, imported, against the scores that mteb itself takes from them.

Give folders as the results repository of mteb has them (``results/ORG__MODEL``). Each is imported
as one with no task files of evalsuite's own, so that a score is that of all splits and subsets
which mteb scores. Of every file, mteb's ``TaskResult`` gives the score to compare with; where it
gives none because splits or subsets are missing, the record must say so. Writes
``reports/bench/imported_results.{md,json}``::

    python bench/imported_results.py results/GritLM__GritLM-7B results/intfloat__e5-small

Ends with 1 if one differs.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import math
import warnings
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

from common import REPORTS, write_json
from evalsuite.importers.mteb import read_mteb
from evalsuite.registry.load import Registry
from evalsuite.schema import Record

ALLOWED = 1e-5
PAGE = """\
# Result folders of mteb, imported

mteb {version}. Written by `bench/imported_results.py`: {files} files, **{wrong} wrong**.

| Folder | Files | As mteb scores them | Incomplete, marked "n of N" | Left out with a line | \
mteb itself fails | Wrong |
|---|---:|---:|---:|---:|---:|---:|
{rows}

*Incomplete*: mteb gives no score, since splits or subsets are missing; the record's signature says
which are there. *mteb itself fails*: its reader raises an error on the file.
"""
KINDS = ("equal", "incomplete", "left out", "mteb fails", "wrong")


def outcome(path: Path, record: Record | None) -> str:
    """What became of one file: one of :data:`KINDS`."""
    import mteb
    from mteb.results import TaskResult

    if record is None:
        return "left out"
    try:
        result = TaskResult.from_disk(path).validate_and_filter_scores(mteb.get_task(path.stem))
        score = float(result.get_score())
    except Exception:  # noqa: BLE001 - whatever mteb's reader raises
        return "mteb fails"
    if math.isnan(score):
        signature = record.signature
        return "incomplete" if signature.splits or signature.subsets else "wrong"
    same = record.score is not None and abs(record.score - score) <= ALLOWED
    return "equal" if same else "wrong"


def measure(folder: Path) -> dict[str, Any]:
    """Counts of a folder, and the files whose score is another one."""
    found = read_mteb(folder, Registry())
    records = {record.origin.sha256: record for record, _ in found.records if record.origin}
    counts: Counter[str] = Counter()
    wrong = []
    paths = [path for path in sorted(folder.rglob("*.json")) if path.name != "model_meta.json"]
    for path in paths:
        record = records.get(hashlib.sha256(path.read_bytes()).hexdigest())
        kind = outcome(path, record)
        counts[kind] += 1
        if kind == "wrong":
            wrong.append(str(path.relative_to(folder)))
    return {
        "folder": folder.name,
        "files": len(paths),
        "wrong": wrong,
        "left_out": found.left_out,
        "counts": counts,
    }


def main() -> int:
    """Import, compare, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    warnings.filterwarnings("ignore")
    logging.disable(logging.ERROR)
    found = [measure(folder) for folder in parser.parse_args().folders]
    rows = [
        f"| {one['folder']} | {one['files']:,} | "
        + " | ".join(f"{one['counts'][kind]:,}" for kind in KINDS)
        + " |"
        for one in found
    ]
    wrong = [f"{one['folder']}/{path}" for one in found for path in one["wrong"]]
    page = PAGE.format(
        version=version("mteb"),
        files=f"{sum(one['files'] for one in found):,}",
        wrong=len(wrong),
        rows="\n".join(rows),
    )
    (REPORTS / "imported_results.md").write_text(page)
    write_json(REPORTS / "imported_results.json", {"mteb": version("mteb"), "folders": found})
    print(page, *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
