"""Make ``tasks.json`` and ``benchmarks.json`` of ``evalsuite/kinds/mteb/`` from the installed mteb.

Run it again after another version of mteb has been pinned: ``python bench/make_mteb_table.py``.
Tests in ``tests/kinds/mteb/`` compare the files with what this program would write.
"""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

from evalsuite.kinds.mteb import benchmarks, facts


def table() -> str:
    """The table of tasks as JSON text, one line a task."""
    with _silence():
        return _text("tasks", facts.LAYOUT, facts.learn())


def table_of_benchmarks() -> str:
    """The table of benchmarks as JSON text, one line a benchmark."""
    with _silence():
        return _text("benchmarks", benchmarks.LAYOUT, benchmarks.learn())


def _text(what: str, layout: int, found: Mapping[str, Any]) -> str:
    lines = [f"{json.dumps(name)}: {json.dumps(plain)}" for name, plain in found.items()]
    head = f'{{"mteb": {json.dumps(version("mteb"))}, "layout": {layout}, "{what}": {{\n'
    return head + ",\n".join(lines) + "\n}}\n"


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Without mteb's warnings about every task that it calls beta."""
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


if __name__ == "__main__":
    for path, text in ((facts.TABLE, table()), (benchmarks.TABLE, table_of_benchmarks())):
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")
