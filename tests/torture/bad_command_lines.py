"""Command lines that cannot work."""

from __future__ import annotations

import json
import os
from pathlib import Path

from bad_checkpoints import Build, command, good

RUN = ("run", "--ckpt")


def _fixed(*arguments: str) -> Build:
    return lambda _: list(arguments)


def _file(folder: Path, content: bytes = b"x", name: str = "file") -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


def _pipe(folder: Path) -> str:
    os.mkfifo(folder / "pipe")
    return str(folder / "pipe")


def _policy(folder: Path) -> list[str]:
    policy = _file(folder, b"suite: smoke\nrules: [\n", "p.yaml")
    return ["check", "--candidate", "a", "--baseline", "b", "--policy", policy]


def _mirror(folder: Path, place: str, name: str) -> list[str]:
    file = {"sha256": "0" * 64, "size": 1}
    entry = {
        "name": "org/set", "revision": "a" * 40, "licence": "mit",
        "fetched": "2026-01-01T00:00:00Z", "files": {name: file},
    }  # fmt: skip
    content = json.dumps({"datasets": {place: entry}}).encode()
    _file(folder, content, "evalsuite-manifest.json")
    return ["data", "verify", str(folder)]


def _loop(folder: Path) -> str:
    (folder / "loop").symlink_to(folder / "loop")
    return str(folder / "loop")


def _to(*more: str) -> Build:
    """Options of a run on a checkpoint with nothing wrong about it."""

    def build(folder: Path) -> list[str]:
        good(folder)
        return [*command(folder), *more]

    return build


def _template(content: bytes) -> Build:
    return lambda folder: _to("--chat-template", _file(folder, content))(folder)


CASES: dict[str, Build] = {
    "no command that exists": _fixed("rnu", "--ckpt", "x"),
    "an option that does not exist": _fixed(*RUN, "demo:minilm", "--limt", "3"),
    "an option without its value": _fixed("run", "--ckpt"),
    "no checkpoint": _fixed("run"),
    "an argument too many": _fixed("table", "results", "more"),
    "a limit that is no number": _fixed(*RUN, "demo:minilm", "--limit", "many"),
    "a limit below one": _fixed(*RUN, "demo:minilm", "--limit", "-1"),
    "a precision that does not exist": _fixed(*RUN, "demo:minilm", "--dtype", "int3"),
    "a length below eight": _fixed(*RUN, "demo:minilm", "--max-length", "1"),
    "more examples than there are": _fixed(*RUN, "demo:minilm", "--shots", "7"),
    "a suite with a typing error": _fixed(*RUN, "demo:minilm", "--suite", "smokey"),
    "a suite that is a path": _fixed(*RUN, "demo:minilm", "--suite", "../../etc/passwd"),
    "a suite that is no text": _fixed(*RUN, "demo:minilm", "--suite", "\udcff\udcfe"),
    "a task of 5,000 letters": _fixed(*RUN, "demo:minilm", "--tasks", "t" * 5000),
    "a task with a line break": _fixed(*RUN, "demo:minilm", "--tasks", "a\nb\rc\x1b[31m"),
    "a task of no harness": _fixed(*RUN, "demo:minilm", "--tasks", "os:system"),
    "a suite and tasks": _fixed(*RUN, "demo:minilm", "--suite", "smoke", "--tasks", "smoke-sts"),
    "an empty checkpoint": _fixed(*RUN, ""),
    "a checkpoint of 10,000 letters": _fixed(*RUN, "x" * 10_000),
    "a demo without a name": _fixed(*RUN, "demo:"),
    "a checkpoint at an address": _fixed(*RUN, "https://user:password@host/model"),
    "a checkpoint that is a device": _fixed(*RUN, "/dev/zero"),
    "a checkpoint that is a pipe": lambda f: [*RUN, _pipe(f)],
    "a checkpoint that is a loop of links": lambda f: [*RUN, _loop(f)],
    "a checkpoint that is a text file": lambda f: [*RUN, _file(f)],
    "a checkpoint that is an empty folder": lambda f: [*RUN, str(f)],
    "data that is not there": _fixed(*RUN, "demo:minilm", "--data", "nowhere"),
    "data that is a file": lambda f: [*RUN, "demo:minilm", "--data", _file(f)],
    "a store that is a file": lambda f: [*RUN, "demo:minilm", "--out", _file(f)],
    "a store that cannot be made": _fixed(*RUN, "demo:minilm", "--out", "/proc/none/here"),
    "a tasks folder that is a file": lambda f: [*RUN, "demo:minilm", "--tasks-dir", _file(f)],
    "an instruction set that does not exist": _to("--wrapper", "raw", "--instructions", "e55"),
    "a wrapper that does not exist": _to("--wrapper", "grittlm"),
    "a chat template of bytes": _template(b"\xff\xfe"),
    "a chat template that is a folder": _to("--chat-template", "/"),
    "a chat template that is no template": _template(b"{% for m in messages %}{{ m"),
    "a judge's address without a judge": _to("--judge-url", "http://h/v1"),
    "a judge's address with a password": _to("--judge", "m", "--judge-url", "https://user:password@host/v1"
    ),
    "a judge's address of another kind": _to("--judge", "m", "--judge-url", "file:///etc/passwd"
    ),
    "a retriever that does not exist": _to("--retriever", "demo:min"),
    "pooling of a model that brings its own": _fixed(*RUN, "demo:minilm", "--pooling", "last"),
    "a comparison without a store": _fixed("compare", "a", "b"),
    "a comparison with one side": _fixed("compare", "a"),
    "a check without a store": _fixed("check", "--candidate", "a", "--baseline", "b"),
    "a check with a broken policy": _policy,
    "a watch of no folder": _fixed("watch", "nowhere"),
    "a watch of a file": lambda f: ["watch", _file(f)],
    "a watch with a policy and no baseline": _fixed("watch", ".", "--policy", "smoke", "--once"),
    "a watch with an address that is none": _fixed("watch", ".", "--once", "--webhook", "ftp://x"),
    "a watch of every zeroth step": _fixed("watch", ".", "--once", "--every", "0"),
    "a baseline that does not exist": _fixed("baseline", "show", "none"),
    "a baseline that is a path": _fixed("baseline", "show", "../../etc"),
    "a baseline called like a path": _fixed("baseline", "set", "../up", "a"),
    "a table without a store": _fixed("table"),
    "a table in a form that does not exist": _fixed("table", "--format", "docx"),
    "a figure of a form that does not exist": _fixed("plot", "figure.bmp"),
    "a report without a store": _fixed("report"),
    "a task that does not exist": _fixed("tasks", "show", "smoke-stss"),
    "a task file that does not exist": _fixed("tasks", "validate", "nowhere"),
    "data of a suite that does not exist": _fixed("data", "list", "grid"),
    "a mirror without a manifest": _fixed("data", "verify", "nowhere"),
    "a mirror that names a file outside": lambda f: _mirror(f, "org/set", "../../../etc/passwd"),
    "a mirror that names a full path": lambda f: _mirror(f, "org/set", "/etc/passwd"),
    "a mirror that names a folder outside": lambda f: _mirror(f, "../../etc", "passwd"),
    "a mirror with a broken manifest": lambda f: [
        "data", "verify", str(Path(_file(f, b'{"datasets": [', "manifest.json")).parent)
    ],
}  # fmt: skip
