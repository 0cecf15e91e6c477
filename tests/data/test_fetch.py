"""``evalsuite data``, as a command, against a hub on the loopback."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalsuite.data import fetch
from evalsuite.data.hub import bound_hub
from evalsuite.data.needs import Need
from evalsuite.errors import DataError
from helpers.command_line import command
from helpers.fake_hub import Hub, serving

pytestmark = pytest.mark.e2e

FIRST, SECOND = "a" * 40, "b" * 40
STS = "acme/sts"
OTHER = "acme/other"
README = b"---\nconfigs:\n- config_name: default\n  data_files: data/*.jsonl\n---\n"
ROWS = b'{"sentence1": "a", "sentence2": "b", "score": 1.0}\n' * 2000


def files(extra: bytes = b"") -> dict[str, bytes]:
    return {"README.md": README, "data/test.jsonl": ROWS + extra, ".gitattributes": b"x"}


@pytest.fixture
def hub() -> Iterator[Hub]:
    repos = {(STS, FIRST): files(), (STS, SECOND): files(b"\n"), (OTHER, FIRST): files()}
    with serving(Hub(repos=repos)) as served:
        yield served


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """A suite over two data sets, and one that needs another revision of the first."""
    folder = tmp_path / "tasks"
    (folder / "suites").mkdir(parents=True)
    (folder / "tasks.yaml").write_text(
        "defaults: {kind: mteb}\ntasks:\n"
        f"  - {{name: one, source: STS12, datasets: {{{STS}: {FIRST}}}}}\n"
        f"  - {{name: two, source: STS13, datasets: {{{OTHER}: {FIRST}}}}}\n"
        f"  - {{name: newer, source: STS14, datasets: {{{STS}: {SECOND}}}}}\n"
    )
    (folder / "suites" / "both.yaml").write_text("name: both\ntasks: [one, two]\n")
    (folder / "suites" / "newer.yaml").write_text("name: newer-one\ntasks: [newer]\n")
    return folder


def data(hub: Hub, tasks: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run ``evalsuite data …`` to its end; gives exit code and all output."""
    where = [] if arguments[0] == "verify" else ["--tasks-dir", tasks]
    variables = {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1", **environment}
    done = command("data", *arguments, *where, **variables)
    return done.returncode, done.stdout + done.stderr


def test_a_suite_is_fetched_whole_listed_and_verified(
    hub: Hub, tasks: Path, tmp_path: Path
) -> None:
    mirror = tmp_path / "mirror"
    code, shown = data(hub, tasks, "fetch", "both", str(mirror))
    assert (code, "2 of 2 data sets are in" in shown) == (0, True), shown
    assert (mirror / STS / "data" / "test.jsonl").read_bytes() == ROWS
    assert (mirror / STS / "README.md").read_bytes() == README
    hidden = [p.name for p in mirror.rglob(".*") if p.name != ".fetch.lock"]
    assert hidden == []

    manifest = json.loads((mirror / "evalsuite-manifest.json").read_text())
    entry = manifest["datasets"][STS]
    assert (entry["revision"], entry["licence"]) == (FIRST, "cc-by-4.0")
    assert entry["files"]["data/test.jsonl"] == {
        "sha256": hashlib.sha256(ROWS).hexdigest(),
        "size": len(ROWS),
    }

    assert data(hub, tasks, "list", "both", str(mirror))[0] == 0
    assert data(hub, tasks, "verify", str(mirror))[0] == 0

    import datasets

    rows = datasets.load_dataset(str(mirror / STS), cache_dir=str(tmp_path / "cache"))
    assert rows["train"].num_rows == 2000


def test_what_is_there_is_not_asked_for_again(hub: Hub, tasks: Path, tmp_path: Path) -> None:
    assert data(hub, tasks, "fetch", "both", str(tmp_path / "m"))[0] == 0
    hub.requests.clear()
    code, shown = data(hub, tasks, "fetch", "both", str(tmp_path / "m"))
    assert code == 0
    assert "2 there, 0 to fetch" in shown
    assert hub.requests == []


def test_a_busy_hub_is_asked_again_after_the_time_it_names(
    hub: Hub, tasks: Path, tmp_path: Path
) -> None:
    hub.moods = [(429, {"Retry-After": "1"}), (503, {"Retry-After": "0"})]
    code, shown = data(hub, tasks, "fetch", "one", str(tmp_path / "m"))
    assert code == 0, shown
    assert "acme/sts: HTTP 429; next try in 1 s" in shown
    assert "acme/sts: HTTP 503; next try in 0 s" in shown


def test_a_hub_that_stays_busy_is_given_up_and_named(hub: Hub, tasks: Path, tmp_path: Path) -> None:
    hub.moods = [(429, {"Retry-After": "0"})] * 6
    code, shown = data(hub, tasks, "fetch", "both", str(tmp_path / "m"))
    assert code == 4
    assert "not fetched: the hub does not give acme/sts after 6 tries: HTTP 429" in shown
    assert (tmp_path / "m" / OTHER).is_dir()
    assert not (tmp_path / "m" / STS).exists()


def test_a_dropped_connection_goes_on_where_it_was(hub: Hub, tasks: Path, tmp_path: Path) -> None:
    # The hub library writes in pieces of 10 MB; what is in none of them is asked for again.
    content = ROWS * 300
    hub.repos[STS, FIRST]["data/test.jsonl"] = content
    hub.cut_once = {"data/test.jsonl"}
    code, shown = data(hub, tasks, "fetch", "one", str(tmp_path / "m"))
    assert code == 0, shown
    assert (tmp_path / "m" / STS / "data" / "test.jsonl").read_bytes() == content
    [asked] = hub.ranges
    assert 10_000_000 <= int(asked.removeprefix("bytes=").rstrip("-")) <= len(content) // 2


def test_a_silent_hub_is_asked_again(hub: Hub, tasks: Path, tmp_path: Path) -> None:
    hub.silent = 2
    started = time.monotonic()
    code, shown = data(hub, tasks, "fetch", "one", str(tmp_path / "m"), EVALSUITE_HUB_TIMEOUT="1")
    assert code == 0, shown
    assert "acme/sts: timed out; next try in" in shown
    assert hub.silent == 0
    assert time.monotonic() - started < 60


def test_a_hub_that_stays_silent_is_given_up_and_named(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.silent = 10**6
    monkeypatch.setattr(fetch, "_wait", lambda _: 0.0)
    monkeypatch.setattr(fetch, "TRIES", 2)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
    monkeypatch.setenv("EVALSUITE_HUB_TIMEOUT", "0.3")
    bound_hub.cache_clear()
    try:
        with pytest.raises(DataError) as caught:
            fetch.ask(Need(name=STS, revision=FIRST, tasks=("one",)))
    finally:
        monkeypatch.delenv("EVALSUITE_HUB_TIMEOUT")
        bound_hub.cache_clear()
        bound_hub()
    assert "the hub does not give acme/sts after 2 tries: timed out" in caught.value.line


def test_a_checkpoint_on_a_silent_hub_is_named(hub: Hub, tmp_path: Path) -> None:
    hub.silent = 10**6
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "evalsuite.cli",
            "run",
            "--ckpt",
            "acme/model",
            "--tasks",
            "smoke-sts",
        ],
        env={
            **os.environ,
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path / "home"),
            "EVALSUITE_HUB_TIMEOUT": "0.5",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode not in (0, 70)
    assert len(done.stderr.splitlines()) == 1
    assert "'acme/model' is not a folder here" in done.stderr


def test_a_timeout_that_is_no_number(hub: Hub, tasks: Path, tmp_path: Path) -> None:
    for given in ("soon", "0", "inf"):
        code, shown = data(
            hub, tasks, "fetch", "one", str(tmp_path / "m"), EVALSUITE_HUB_TIMEOUT=given
        )
        assert code == 2
        assert f"EVALSUITE_HUB_TIMEOUT={given} is not valid; give seconds" in shown


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (404, "acme/sts at aaaaaaaaaaaa is not on the hub, or is private"),
        (403, "acme/sts at aaaaaaaaaaaa is only given to people who accepted its terms"),
    ],
)
def test_a_refusal_is_one_line_and_the_others_go_on(
    hub: Hub, tasks: Path, tmp_path: Path, status: int, reason: str
) -> None:
    hub.refused = {STS: status}
    code, shown = data(hub, tasks, "fetch", "both", str(tmp_path / "m"))
    assert code == 4
    assert f"not fetched: {reason}" in shown
    assert "Traceback" not in shown
    assert (tmp_path / "m" / OTHER / "README.md").is_file()


def test_a_second_revision_lies_beside_the_first(hub: Hub, tasks: Path, tmp_path: Path) -> None:
    mirror = tmp_path / "m"
    assert data(hub, tasks, "fetch", "one", str(mirror))[0] == 0
    # The folder holds another revision: as good as not there.
    assert data(hub, tasks, "list", "newer-one", str(mirror))[0] == 4
    assert data(hub, tasks, "fetch", "newer-one", str(mirror))[0] == 0
    assert (mirror / f"{STS}@{SECOND[:12]}" / "data" / "test.jsonl").read_bytes() == ROWS + b"\n"
    assert (mirror / STS / "data" / "test.jsonl").read_bytes() == ROWS
    assert data(hub, tasks, "list", "one,newer", str(mirror))[0] == 0
    assert data(hub, tasks, "verify", str(mirror))[0] == 0


def test_verify_finds_what_was_changed_lost_and_added(
    hub: Hub, tasks: Path, tmp_path: Path
) -> None:
    mirror = tmp_path / "m"
    assert data(hub, tasks, "fetch", "both", str(mirror))[0] == 0
    (mirror / STS / "data" / "test.jsonl").write_bytes(ROWS.replace(b"1.0", b"2.0"))
    (mirror / OTHER / "README.md").unlink()
    (mirror / OTHER / "more.jsonl").write_bytes(b"{}")
    (mirror / "acme" / "mine").mkdir()
    code, shown = data(hub, tasks, "verify", str(mirror))
    assert code == 4
    for line in (
        "changed: data/test.jsonl",
        "missing: README.md",
        "extra: more.jsonl",
        "unknown acme/mine: not in the manifest",
        "0 of 2 data sets are as they were fetched",
    ):
        assert line in shown


def test_a_damaged_data_set_is_missing_until_it_is_fetched_again(
    hub: Hub, tasks: Path, tmp_path: Path
) -> None:
    mirror = tmp_path / "m"
    assert data(hub, tasks, "fetch", "one", str(mirror))[0] == 0
    (mirror / STS / "data" / "test.jsonl").unlink()
    code, shown = data(hub, tasks, "list", "one", str(mirror))
    assert code == 4
    assert "missing  acme/sts" in shown
    assert data(hub, tasks, "fetch", "one", str(mirror))[0] == 0
    assert (mirror / STS / "data" / "test.jsonl").read_bytes() == ROWS
    assert data(hub, tasks, "verify", str(mirror))[0] == 0
    assert [p.name for p in mirror.rglob("*.damaged")] == []


def test_a_mirror_made_by_hand_is_kept_and_used(hub: Hub, tasks: Path, tmp_path: Path) -> None:
    mirror = tmp_path / "m"
    (mirror / STS).mkdir(parents=True)
    (mirror / STS / "mine.jsonl").write_text("{}")
    assert data(hub, tasks, "list", "one", str(mirror))[0] == 0
    code, shown = data(hub, tasks, "fetch", "one", str(mirror))
    assert code == 4
    assert "was not fetched by evalsuite" in shown
    assert (mirror / STS / "mine.jsonl").read_text() == "{}"
    code, shown = data(hub, tasks, "verify", str(mirror))
    assert code == 4
    assert "has no manifest" in shown


def test_a_killed_fetch_leaves_nothing_half_and_is_completed(
    hub: Hub, tasks: Path, tmp_path: Path
) -> None:
    """Killed while it waits in the second file: the first is not fetched again."""
    mirror = tmp_path / "m"
    hub.repos[STS, FIRST] = {"README.md": README, "data/a.jsonl": ROWS, "data/b.jsonl": ROWS}
    hub.stalled = "data/b.jsonl"
    command = [sys.executable, "-m", "evalsuite.cli", "data", "fetch", "one", str(mirror)]
    child = subprocess.Popen(
        [*command, "--tasks-dir", str(tasks)],
        env={**os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not any(path.endswith("b.jsonl") for path in hub.gets()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    child.kill()
    child.wait()
    assert not (mirror / STS).exists()
    assert not (mirror / "evalsuite-manifest.json").exists()

    hub.stalled = None
    hub.released.set()
    hub.requests.clear()
    code, shown = data(hub, tasks, "fetch", "one", str(mirror))
    assert code == 0, shown
    asked = [path.rpartition("/")[2] for path in hub.gets()]
    assert asked == ["b.jsonl"]
    assert (mirror / STS / "data" / "b.jsonl").read_bytes() == ROWS
    assert data(hub, tasks, "verify", str(mirror))[0] == 0


def test_a_token_is_sent_and_never_shown(hub: Hub, tasks: Path, tmp_path: Path) -> None:
    token = "hf_thisisasecret"
    mirror = tmp_path / "m"
    code, shown = data(hub, tasks, "fetch", "both", str(mirror), HF_TOKEN=token)
    assert code == 0
    assert f"Bearer {token}" in hub.tokens
    assert token not in shown
    assert all(token.encode() not in p.read_bytes() for p in mirror.rglob("*") if p.is_file())


def test_a_file_name_cannot_lead_out_of_the_folder(hub: Hub, tasks: Path, tmp_path: Path) -> None:
    hub.repos[STS, FIRST] = {"../../../../outside.txt": b"x"}
    code, shown = data(hub, tasks, "fetch", "one", str(tmp_path / "m"))
    assert code == 4
    assert "names a file outside its folder" in shown
    assert not list(tmp_path.rglob("outside.txt"))


def test_a_name_that_is_nothing_is_refused(hub: Hub, tasks: Path, tmp_path: Path) -> None:
    code, shown = data(hub, tasks, "fetch", "bth", str(tmp_path / "m"))
    assert code == 2
    assert "no suite or task is called 'bth'; did you mean both" in shown
    assert not (tmp_path / "m").exists()
