"""What was found in the rounds of ``kills.py``: kept as JSON, shown as Markdown."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from real_runs import DIGITS

WITH_VLLM = "vLLM"
"""Name of the scenario that runs with vLLM."""


@dataclass(frozen=True)
class Kill:
    """One kill."""

    moment: float
    """Share of the undisturbed run's time."""
    victim: str
    stored: int
    """Scores that were in the store once all was quiet."""
    quiet: float
    """Seconds from the run's end to that of its last process."""


@dataclass(frozen=True)
class Finding:
    """One round."""

    number: int
    scenario: str
    kills: tuple[Kill, ...]
    seconds: float
    completed: bool
    lost: int
    duplicated: int
    corrupt: int
    different: int
    """Records that do not say what the undisturbed run's say."""
    same_table: bool
    strays: int
    """Processes alive some seconds after the run's end."""
    leavings: tuple[str, ...]
    """Files of unfinished jobs, or half-written ones, once the store was complete."""
    code: str
    """Commit of the code that was run."""
    note: str = ""
    """The end of what was printed, where something was wrong."""

    @property
    def good(self) -> bool:
        """Whether nothing was wrong."""
        counts = self.lost, self.duplicated, self.corrupt, self.different, self.strays
        return self.completed and self.same_table and not any(counts) and not self.leavings


def write(findings: list[Finding], seconds: dict[str, float], folder: Path, seed: int) -> str:
    """Write the report; return its figures as one line."""
    kills = [kill for finding in findings for kill in finding.kills]
    vllm = sum(len(f.kills) for f in findings if f.scenario == WITH_VLLM)
    total = {
        word: sum(getattr(finding, word) for finding in findings)
        for word in ("lost", "duplicated", "corrupt", "different", "completed", "same_table")
    }
    line = (
        f"{len(kills)} kills ({len(kills) - vllm} transformers, {vllm} vLLM) in {len(findings)} "
        f"stores: {total['lost']} records lost, {total['duplicated']} duplicated, "
        f"{total['corrupt']} corrupt, {total['different']} different; {total['completed']} of "
        f"{len(findings)} completed, {total['same_table']} final tables identical; "
        f"{sum(f.strays for f in findings)} processes and "
        f"{sum(len(f.leavings) for f in findings)} files left behind; "
        f"the last process gone at most {max((k.quiet for k in kills), default=0):.1f} s after "
        "the run"
    )
    folder.mkdir(parents=True, exist_ok=True)
    rows = [asdict(finding) for finding in findings]
    report = {"figures": line, "seed": seed, "undisturbed seconds": seconds, "rounds": rows}
    (folder / "kills.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    victims = Counter((f.scenario, kill.victim) for f in findings for kill in f.kills)
    table_of_victims = "\n".join(
        f"| {scenario} | {victim} | {count} |"
        for (scenario, victim), count in sorted(victims.items())
    )
    wrong = "\n".join(
        f"- round {f.number}, {f.scenario}: {', '.join(k.victim for k in f.kills)}"
        for f in findings
        if not f.good
    )
    stored = Counter(kill.stored for kill in kills)
    held = "\n".join(f"| {count} | {times} |" for count, times in sorted(stored.items()))
    played = Counter(finding.code for finding in findings)
    commits = ", ".join(f"{code} ({count} rounds)" for code, count in played.items())
    times = ", ".join(f"{name} {taken:.0f} s" for name, taken in seconds.items())
    (folder / "kills.md").write_text(
        f"# Kills at random moments\n\n{line}.\n\n"
        f"Seed {seed}. Undisturbed: {times}. Code: {commits}. A record is compared with that of "
        "the undisturbed run, samples included, without its times; with vLLM (float32) numbers "
        f"count to {DIGITS} digits.\n\n"
        f"| run | process killed | kills |\n|---|---|---|\n{table_of_victims}\n\n"
        f"| scores in the store by then | kills |\n|---|---|\n{held}\n\n"
        f"Not as undisturbed:{chr(10) + chr(10) + wrong if wrong else ' none.'}\n",
        encoding="utf-8",
    )
    return line


def read(folder: Path, seed: int) -> tuple[list[Finding], dict[str, float]]:
    """What :func:`write` wrote.

    Returns:
        The rounds in which nothing was wrong, and the seconds of undisturbed runs; nothing where
        there is no report, or one of another seed.
    """
    path = folder / "kills.json"
    report: dict[str, Any] = json.loads(path.read_bytes()) if path.is_file() else {"seed": None}
    if report["seed"] != seed:
        return [], {}
    found = [
        Finding(
            **{
                **row,
                "kills": tuple(Kill(**kill) for kill in row["kills"]),
                "leavings": tuple(row["leavings"]),
            }
        )
        for row in report["rounds"]
    ]
    return [finding for finding in found if finding.good], report["undisturbed seconds"]
