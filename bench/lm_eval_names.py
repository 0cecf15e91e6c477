"""Every name that lm-eval knows, through what planning asks of a task: accepted, or refused.

Each task, group and tag is made a task of evalsuite, checked, asked for its seed of examples and
for what keeps it from running here; nothing is loaded. Writes
``reports/bench/lm_eval_names.{md,json}``::

    python bench/lm_eval_names.py            (--quick: every hundredth name, nothing is written)

Ends with 1 if a name ends in anything but a reason in one line.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from importlib.metadata import version

from common import REPORTS, write_json
from evalsuite.errors import EvalsuiteError
from evalsuite.kinds.lm_eval.drawing import signed_seed
from evalsuite.kinds.lm_eval.names import load_index
from evalsuite.kinds.lm_eval.task import LmEvalTask
from evalsuite.kinds.table import harness_task, kind_of

EVERY = 100
"""With ``--quick``: one name of so many."""
PAGE = """\
# Names of lm-eval, planned

lm-eval {version}. Written by `bench/lm_eval_names.py`: {count:,} tasks, groups and tags, \
**{wrong} without an answer**, in {seconds:.0f} s.

| Outcome | Names |
|---|---:|
{rows}
"""


def outcome(name: str) -> str:
    """What planning says of a name."""
    try:
        task = harness_task(f"lm_eval:{name}")
        assert isinstance(task, LmEvalTask)
        kind = kind_of(task)
        kind.check_source(task)
        drawn = signed_seed(task, 42)
        if why := kind.blocker(task):
            return f"skipped: {why.replace(name, 'NAME')}"
    except EvalsuiteError as error:
        return f"refused: {error.message.replace(name, 'NAME')}"
    except Exception as error:  # noqa: BLE001 - what must not be
        return f"no answer: {type(error).__name__}: {name}"
    return "accepted, examples drawn by lm-eval's seed" if drawn else "accepted"


def main() -> int:
    """Plan all, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="every hundredth name")
    quick = parser.parse_args().quick
    names = sorted(load_index())[:: EVERY if quick else 1]
    started = time.monotonic()
    counts = Counter(map(outcome, names))
    wrong = sum(n for text, n in counts.items() if text.startswith("no answer"))
    page = PAGE.format(
        version=version("lm-eval"),
        count=len(names),
        wrong=wrong,
        seconds=time.monotonic() - started,
        rows="\n".join(f"| {text} | {n:,} |" for text, n in counts.most_common()),
    )
    if not quick:
        (REPORTS / "lm_eval_names.md").write_text(page)
        write_json(
            REPORTS / "lm_eval_names.json", {"lm_eval": version("lm-eval"), "outcomes": counts}
        )
    print(page)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
