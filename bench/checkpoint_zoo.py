"""Checkpoints of many kinds, tiny and made here, against the model's own library.

Each is embedded (or its logits are computed) by evalsuite in float32 and by the library that the
model comes from, every text alone; or evalsuite has to refuse it with a certain line. What the
library gives is computed without evalsuite.

    python bench/checkpoint_zoo.py [--only TEXT]

writes ``reports/bench/checkpoint_zoo.md`` and ``.json``.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import tempfile
import time
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

REPORT = Path("reports/bench/checkpoint_zoo")
PACKAGES = ("transformers", "tokenizers", "sentence-transformers", "peft", "gguf", "torch")


def all_kinds() -> Iterator:
    """Every kind of folder."""
    import zoo_gguf
    import zoo_models
    import zoo_sentence_transformers

    yield from zoo_sentence_transformers.kinds()
    yield from zoo_models.kinds()
    yield from zoo_gguf.kinds()


def main() -> int:
    """Try all kinds, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="kinds whose group or name matches this pattern")
    only = parser.parse_args().only
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    import torch

    from zoo import tried

    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for kind in all_kinds():
            if not re.search(only, f"{kind.group}: {kind.name}"):
                continue
            place = re.sub(r"\W+", "-", f"{kind.group}-{kind.name}").strip("-")
            started = time.monotonic()
            outcome = tried(kind, root / place, root / "cache")
            rows.append({
                "group": kind.group, "kind": kind.name, "right": outcome.right,
                "outcome": outcome.what.replace(str(root), ""),
                "seconds": round(time.monotonic() - started, 2),
            })  # fmt: skip
            print(
                "ok " if outcome.right else "BAD",
                kind.group,
                "|",
                kind.name,
                "|",
                outcome.what,
                flush=True,
            )
    wrong = sum(not row["right"] for row in rows)
    print(f"{len(rows)} kinds, {wrong} wrong")
    if not only:
        _write(rows, wrong)
    return 1 if wrong else 0


def _write(rows: list[dict], wrong: int) -> None:
    versions = {name: version(name) for name in PACKAGES}
    refused = sum(row["outcome"].startswith("refused") for row in rows)
    about = {"versions": versions, "kinds": len(rows), "wrong": wrong, "rows": rows}
    REPORT.with_suffix(".json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n")
    lines = [
        "# Checkpoint zoo",
        "",
        f"{len(rows)} kinds of checkpoint against the model's own library: "
        f"{len(rows) - refused - wrong} equal (cosine of every vector at least 0.9999 in float32, "
        f"similarities and logits within a thousandth), {refused} refused as they have to be, "
        f"{wrong} wrong. Made by `bench/checkpoint_zoo.py`; "
        + ", ".join(f"{name} {number}" for name, number in versions.items()) + ".",
        "",
        "| about | kind | outcome |",
        "|---|---|---|",
    ]  # fmt: skip
    lines += [
        f"| {row['group']} | {row['kind']} | {'' if row['right'] else '**wrong**: '}"
        f"{row['outcome'].replace('|', chr(92) + '|')} |"
        for row in rows
    ]
    REPORT.with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
