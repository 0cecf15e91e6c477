"""Make ``evalsuite/kinds/mteb/tasks.json`` from the installed mteb.

Run it again after another version of mteb has been pinned: ``python bench/make_mteb_table.py``.
``tests/kinds/test_mteb_facts.py`` compares the file with what this program would write.
"""

from __future__ import annotations

import json
import logging
import warnings
from importlib.metadata import version

from evalsuite.kinds.mteb.facts import LAYOUT, TABLE, learn


def table() -> str:
    """The table as JSON text, one line a task."""
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # mteb warns of every task that it calls beta
            tasks = learn()
    finally:
        logging.disable(logging.NOTSET)
    lines = [f"{json.dumps(name)}: {json.dumps(facts)}" for name, facts in tasks.items()]
    head = f'{{"mteb": {json.dumps(version("mteb"))}, "layout": {LAYOUT}, "tasks": {{\n'
    return head + ",\n".join(lines) + "\n}}\n"


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
    print(f"wrote {TABLE}")
