"""Put all measured figures beside their goals: ``reports/bench/README.md`` and ``speed.{png,svg}``.

Reads what the other programs of this folder have written; measures nothing itself. Run as
``python bench/summary.py``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from common import REPORTS, Goal, Spread, goal_cells
from speed_figure import draw

PARTS = {
    1: ("mteb_peer", "`mteb run`, sentence-transformers"),
    2: ("gritlm_peer", "`GritLM.encode` of the GRIT authors' package"),
    3: ("lm_eval_peer", "`lm_eval --model vllm`, started once a task"),
    4: ("vllm_overhead", "bare `vllm.LLM.generate`"),
    5: ("retrieval_scale", "memory and time against corpus size"),
    6: ("encoder_flops", "useful FLOP/s against the machine's GEMM peak"),
    7: ("startup", "start-up"),
    8: ("few_shot_peer", "`lm_eval` on few-shot questions"),
    9: ("late_interaction", "mteb's own wrapper for late interaction"),
}
START_UP = 7
PROFILES = {
    "embedding_profile.md": "an embedding run",
    "decode_profile.md": "a step of generation",
}
"""Have no goal."""


def main() -> int:
    """Read, write; 0 whatever the figures say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=Path, default=REPORTS)
    folder = parser.parse_args().reports
    read = {part: load(folder / f"{name}.json") for part, (name, _) in PARTS.items()}
    goals = {part: goals_of(part, content) for part, content in read.items() if content}
    lines = page({part: content for part, content in read.items() if content}, goals)
    profiled = [f"[{what}]({name})" for name, what in PROFILES.items() if (folder / name).is_file()]
    if profiled:
        lines += ["", f"Where the time goes: {', '.join(profiled)}."]
    text = "\n".join(lines)
    print(text)
    (folder / "README.md").write_text(text + "\n", encoding="utf-8")
    drawn = [goal for part in goals for goal in goals[part]]
    draw(drawn, folder / "speed.png", folder / "speed.svg")
    return 0


def load(path: Path) -> dict[str, Any] | None:
    """Figures of one program, if it has run."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def goals_of(part: int, content: dict[str, Any]) -> list[Goal]:
    """Figures with goals."""
    if part == START_UP:
        return [
            Goal(
                part,
                one["name"],
                one["goal"],
                Spread(one["median"], one["low"], one["high"], one["runs"]),
                "s",
                "lower",
            )
            for one in content["figures"]
        ]
    return [
        Goal(part, one["what"], one["goal"], Spread(**one["reached"]), one["unit"], one["better"])
        for one in content["goals"]
    ]


def page(read: dict[int, dict[str, Any]], goals: dict[int, list[Goal]]) -> list[str]:
    """The table, and where each figure comes from."""
    met = [goal.met for found in goals.values() for goal in found]
    lines = [
        "# Speed",
        "",
        (
            f"{sum(met)} of {len(met)} goals met. Medians of paired runs (lowest to highest): what "
            "is compared runs in turn, in fresh processes, on the same data and machine, and the "
            "scores or vectors are checked to agree. `make bench` measures all of it again."
        ),
        "",
        "![Reached and asked for](speed.png)",
        "",
        "| | | reached | goal | |",
        "|---|---|---:|---:|---|",
    ]
    for part, found in goals.items():
        for index, goal in enumerate(found):
            lines.append(f"| {part if not index else ''} | {' | '.join(goal_cells(goal))} |")
    lines += ["", "| | compared with | machine | runs | measured | |", "|---|---|---|---:|---|---|"]
    for part, content in read.items():
        name, peer = PARTS[part]
        runs = content.get("repeats") or content["figures"][0]["runs"]
        machine = f"{content['cpu']}, {content['cores']} cores"
        link = f"[{name}]({name}.md)" if part != START_UP else f"[{name}]({name}.json)"
        tried = "; **a quick try, not a figure to quote**" if content.get("quick") else ""
        cells = [str(part), peer + tried, machine, str(runs), content["measured"][:10], link]
        lines.append(f"| {' | '.join(cells)} |")
    missing = [f"{part} ({PARTS[part][1]})" for part in PARTS if part not in read]
    return [*lines, "", f"Not measured: {', '.join(missing)}."] if missing else lines


if __name__ == "__main__":
    sys.exit(main())
