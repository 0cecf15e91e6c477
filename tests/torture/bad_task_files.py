"""Task files, and the data that they name, that are wrong or meant to harm."""

from __future__ import annotations

import json
from pathlib import Path

from bad_checkpoints import Build

STS = "name: mine\nkind: mteb\ntype: sts\ndata:\n  test: rows.jsonl\n"
ASK = (
    "name: mine\nkind: lm_eval\ntype: generate\ndata: {test: rows.jsonl}\n"
    "prompt: %s\ntarget: '{{answer}}'\n"
)
ROW = {"sentence1": "a", "sentence2": "b", "score": 1, "answer": "c"}
ROWS = json.dumps(ROW) + "\n"
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)


def _yaml(text: str | bytes, rows: str | bytes = ROWS, name: str = "t.yaml") -> Build:
    def build(folder: Path) -> list[str]:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        (folder / "rows.jsonl").write_bytes(rows.encode() if isinstance(rows, str) else rows)
        return ["tasks", "validate", str(folder)]

    return build


def _rows(rows: str | bytes) -> Build:
    return _yaml(STS, rows)


def _template(template: str) -> Build:
    return _yaml(ASK % json.dumps(template))


def _parquet(folder: Path) -> list[str]:
    (folder / "t.yaml").write_text(STS.replace("jsonl", "parquet"))
    (folder / "rows.parquet").write_bytes(b"PAR1" + b"\xff" * 200 + b"PAR1")
    return ["tasks", "validate", str(folder)]


def _linked(folder: Path) -> list[str]:
    (folder / "t.yaml").write_text(STS)
    (folder / "rows.jsonl").symlink_to("rows.jsonl")
    return ["tasks", "validate", str(folder)]


def _outside(named: str | None, *, link: bool = False) -> Build:
    """Rows that are right, in a place that the task file may not name."""

    def build(folder: Path) -> list[str]:
        rows, tasks = folder / "outside.jsonl", folder / "tasks"
        tasks.mkdir()
        rows.write_text(ROWS)
        (tasks / "t.yaml").write_text(STS.replace("rows.jsonl", named or str(rows)))
        if link:
            (tasks / str(named)).symlink_to(rows)
        return ["tasks", "validate", str(tasks)]

    return build


def _pipe(folder: Path) -> list[str]:
    import os

    os.mkfifo(folder / "t.yaml")
    return ["tasks", "validate", str(folder)]


CASES: dict[str, Build] = {
    "aliases that grow to a billion": _yaml(BOMB + "name: mine\n"),
    "an alias inside itself": _yaml("name: mine\nkind: mteb\ndata: &d {test: *d}\n"),
    "a tag that runs a command": _yaml("name: !!python/object/apply:os.system ['touch owned']\n"),
    "a tag that names a module": _yaml("name: !!python/name:os.system ''\n"),
    "a tag that no one knows": _yaml("name: !secret x\nkind: mteb\n"),
    "nested 100,000 deep": _yaml("name: " + "[" * 100_000),
    "a file of a megabyte": _yaml("# " + "x" * (1 << 20)),
    "a key twice": _yaml(STS + "name: other\n"),
    "keys merged from elsewhere": _yaml("<<: {name: x}\nkind: mteb\n<<: *none\n"),
    "bytes that are no text": _yaml(b"name: \xff\xfe\x00\n"),
    "null bytes": _yaml("name: 'a\0b'\n"),
    "an unknown key": _yaml(STS + "limits: 3\n"),
    "a name that is a path": _yaml(STS.replace("mine", "../../up")),
    "a name with a line break": _yaml(STS.replace("mine", '"a\\nb"')),
    "a name of 10,000 letters": _yaml(STS.replace("mine", "m" * 10_000)),
    "data at the accounts file": _yaml(STS.replace("rows.jsonl", "../../../../../etc/passwd")),
    "data beside the tasks folder": _outside("../outside.jsonl"),
    "data at a full path": _outside(None),
    "data behind a link that leads out": _outside("in.jsonl", link=True),
    "data at a device": _yaml(STS.replace("rows.jsonl", "/dev/zero")),
    "data that is a folder": _yaml(STS.replace("rows.jsonl", ".")),
    "data that is a loop of links": _linked,
    "data with a null byte in its path": _yaml(STS.replace("rows.jsonl", '"a\\0b"')),
    "a task file that is a pipe": _pipe,
    "a number that is infinite": _yaml(STS + "limit: .inf\n"),
    "a temperature that is no number": _yaml(ASK % "x" + "generation: {temperature: .nan}\n"),
    "a suite that names itself": _yaml("name: s\ntasks: [s]\n", name="suites/s.yaml"),
    "a pattern that is none": _yaml(ASK % "x" + "extract: '(((('\n"),
    "a pattern without a group": _yaml(ASK % "x" + "extract: 'abc'\n"),
    "a template that is none": _template("{{ answer"),
    "a template with an unknown filter": _template("{{ answer | shout }}"),
    "a template with an unknown column": _template("{{ question }}"),
    "a template that reaches for classes": _template("{{ ''.__class__.__mro__ }}"),
    "a template that runs a command": _template(
        "{{ cycler.__init__.__globals__.os.popen('touch owned').read() }}"
    ),
    "a template that hides its reach": _template("{{ ''['__cl' ~ 'ass__'] }}"),
    "a template that loops for ever": _template(
        "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}"
    ),
    "a template that loops over a long range": _template(
        "{% for a in range(10**9) %}x{% endfor %}"
    ),
    "a template that grows": _template("{{ 'x' * 10 ** 10 }}"),
    "a template that computes a huge number": _template("{{ 9 ** 9 ** 9 }}"),
    "a template that calls itself": _template("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
    "a template that pads": _template("{{ 'x' | center(9999999999) }}"),
    "a template that pads by a method": _template("{{ 'x'.ljust(10 ** 10) }}"),
    "a template that loops over a long text": _template(
        "{% for a in 'x'.ljust(1000000) %}{% for b in 'x'.ljust(1000000) %}{% endfor %}{% endfor %}"
    ),
    "a template that works without a word": _template(
        "{% for a in range(1000) %}{% for b in range(1000) %}"
        "{% set z = 'x'.ljust(1000) | upper | lower | title %}{% endfor %}{% endfor %}"
    ),
    "a template with a pattern that goes astray": _template(
        "{{ '" + "a" * 60 + "!' | regex_replace('(a+)+$', '') }}"
    ),
    "a template whose pattern goes astray on its row": _template(
        "{{ (answer ~ '" + "a" * 60 + "!') | regex_replace('(a+)+$', '') }}"
    ),
    "a template that fills the memory": _template(
        "{% set a = answer %}" + "{% set a = a ~ a %}" * 40
    ),
    "a template that reads a file": _template("{% include '/etc/passwd' %}"),
    "rows that are no JSON": _rows("{'a': 1}\n"),
    "rows that are lists": _rows("[1, 2]\n"),
    "no rows": _rows(""),
    "an empty line between rows": _rows(ROWS + "\n" + ROWS),
    "rows that are no text": _rows(b"\xff\xfe{}\n"),
    "rows nested 100,000 deep": _rows('{"sentence1": ' + "[" * 100_000 + "\n"),
    "rows with a null": _rows('{"sentence1": "a", "sentence2": null, "score": 1}\n'),
    "rows without a column": _rows('{"sentence1": "a", "score": 1}\n'),
    "rows with a number of 10,000 digits": _rows(
        '{"sentence1": "a", "sentence2": "b", "score": ' + "9" * 10_000 + "}\n"
    ),
    "a Parquet file that is none": _parquet,
}
