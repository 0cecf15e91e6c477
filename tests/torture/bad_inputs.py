"""Bad inputs through the real command line: each is refused in one line that says what to do.

``PYTHONPATH=tests python tests/torture/bad_inputs.py`` runs all of them and writes
``reports/torture/bad_inputs.{json,md}``.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import bad_checkpoints
import bad_command_lines
import bad_result_files
import bad_task_files
from helpers.command_line import CommandLine, shared_server

HERE = Path(__file__).parent
REPORTS = HERE.parents[1] / "reports" / "torture"
KINDS = {
    "command line": bad_command_lines.CASES,
    "task file": bad_task_files.CASES,
    "checkpoint": bad_checkpoints.CASES,
    "result file": bad_result_files.CASES,
}
CASES = [(kind, name) for kind, cases in KINDS.items() for name in cases]
SECONDS = 20.0
MOST_LETTERS = 1000
"""Characters of a line; what was typed is not repeated at any length."""
INTERNAL = 70


@dataclass(frozen=True)
class Finding:
    """One bad input, and what the command line made of it."""

    kind: str
    name: str
    code: int | str
    line: str
    wrong: tuple[str, ...]
    """What was not as it had to be; empty where all is well."""


def run(kind: str, name: str, server: CommandLine, root: Path) -> Finding:
    """Try one bad input.

    Args:
        kind: See :data:`KINDS`.
        name: Name of the case.
        server: Runs it.
        root: An empty folder.
    """
    inputs, work, cache = (root / part for part in ("inputs", "work", "cache"))
    for folder in (inputs, work, cache):
        folder.mkdir(parents=True)
    arguments = KINDS[kind][name](inputs)
    given = _files(inputs)
    environment = {"EVALSUITE_CACHE": str(cache), "HF_HUB_OFFLINE": "1", "HOME": str(work)}
    done = server.call(arguments, work, environment, SECONDS)
    wrong = _wrong(done)
    # What was found in files is remembered, whatever it ends with.
    remembered = {cache / "fingerprints", cache / "hashes", cache / "tokenizers"}
    left = [p for folder in (work, cache) for p in _files(folder)]
    if left := [str(p) for p in left if not any(p.is_relative_to(r) for r in remembered)]:
        wrong.append(f"left behind: {', '.join(left)}")
    if _files(inputs) != given:
        wrong.append("changed the inputs")
    shutil.rmtree(root)
    line = done["err"].strip()[:MOST_LETTERS].replace(f"{root}/", "")
    return Finding(kind, name, done["code"], line, tuple(wrong))


def _wrong(done: dict[str, Any]) -> list[str]:
    lines = done["err"].splitlines()
    checks = {
        f"exit code {done['code']}": done["code"] not in (0, INTERNAL, 255)
        and isinstance(done["code"], int)
        and done["code"] > 0,
        f"{len(lines)} lines": len(lines) == 1,
        "a traceback": "Traceback" not in done["err"] + done["out"],
        "not its own line": bool(lines) and lines[0].startswith("evalsuite: "),
        "no next step": bool(lines) and "; " in lines[0],
        "too long": len(done["err"]) <= MOST_LETTERS,
        "control characters": all(c.isprintable() for c in done["err"].rstrip("\n")),
        "wrote to standard output": not done["out"],
        "a secret in the message": "user:password" not in done["err"],
    }
    return [what for what, holds in checks.items() if not holds]


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if not p.is_dir())


def run_all() -> list[Finding]:
    """All bad inputs."""
    server = shared_server()
    with tempfile.TemporaryDirectory() as folder:
        return [
            run(kind, name, server, Path(folder) / str(n)) for n, (kind, name) in enumerate(CASES)
        ]


def write(findings: list[Finding], folder: Path) -> str:
    """Write the report; return its figures as one line."""
    good = [finding for finding in findings if not finding.wrong]
    tracebacks = sum("a traceback" in finding.wrong for finding in findings)
    left = sum(any("left behind" in what for what in finding.wrong) for finding in findings)
    kinds = ", ".join(f"{n} {kind}s" for kind, n in Counter(f.kind for f in findings).items())
    line = (
        f"{len(good)} of {len(findings)} bad inputs ({kinds}) are one-line errors with a next "
        f"step; {tracebacks} tracebacks, {left} left files"
    )
    folder.mkdir(parents=True, exist_ok=True)
    rows = [asdict(finding) for finding in findings]
    text = json.dumps({"figures": line, "inputs": rows}, indent=1, ensure_ascii=False) + "\n"
    (folder / "bad_inputs.json").write_text(text, encoding="utf-8")
    table = "\n".join(
        f"| {f.kind} | {f.name} | {f.code} | {f.line.replace('|', '¦')} | {'; '.join(f.wrong)} |"
        for f in findings
    )
    (folder / "bad_inputs.md").write_text(
        f"# Bad inputs\n\n{line}.\n\n| kind | input | exit code | message | wrong |\n"
        f"|---|---|---|---|---|\n{table}\n",
        encoding="utf-8",
    )
    return line


def main() -> int:
    """Run everything and print the figures."""
    findings = run_all()
    for finding in findings:
        if finding.wrong:
            sys.stdout.write(f"{finding.kind}: {finding.name}: {'; '.join(finding.wrong)}\n")
            sys.stdout.write(f"    {finding.line}\n")
    sys.stdout.write(write(findings, REPORTS) + "\n")
    return int(any(finding.wrong for finding in findings))


if __name__ == "__main__":
    sys.exit(main())
