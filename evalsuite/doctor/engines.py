"""Whether the engines load, and compute what they are known to compute."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.resources import files
from typing import Any

from evalsuite.doctor.finding import Finding
from evalsuite.engines.cuda.gpu import GIB, Survey, why_unusable
from evalsuite.engines.cuda.survey import has_driver
from evalsuite.engines.device import vllm_is_for_gpus
from evalsuite.installing import CPU, CUDA
from evalsuite.redact import shown

MOST_SECONDS = 100.0
"""Of one engine; loading takes half of it on an idle machine with two cores."""
MOST_SECONDS_GPU = 300.0
"""The same beside a GPU: libraries compile kernels for it when they are first used."""
LITTLE_MEMORY = 4 * GIB
"""Free bytes of a GPU below which few models fit."""
REINSTALL = "reinstall it: pip install --force-reinstall torch transformers sentence-transformers"
_MISSING = re.compile(r"No module named '([\w.]+)'")
_DISTRIBUTIONS = {"yaml": "pyyaml", "sklearn": "scikit-learn", "PIL": "pillow"}


def known() -> dict[str, Any]:
    """Known values; how they were made is in ``docs/doctor.md``."""
    text = (files("evalsuite.doctor") / "known.json").read_text(encoding="utf-8")
    values: dict[str, Any] = json.loads(text)
    return values


def embedding() -> Finding:
    """Embed two sentences with demo:minilm."""
    check, values = "embeddings", known()["embedding"]
    found = probe("embedding")
    if "error" in found:
        return Finding(check=check, state="fail", text=found["error"], fix=_fix(found, REINSTALL))
    pairs = zip(found["numbers"], values["numbers"], strict=True)
    off = max(abs(a - b) for mine, theirs in pairs for a, b in zip(mine, theirs, strict=True))
    said = f"demo:minilm by {found['engine']}: largest difference {off:.1e}"
    if not off <= values["tolerance"]:
        text = f"{said}, more than {values['tolerance']:g}"
        return Finding(check=check, state="fail", text=text, fix=REINSTALL)
    return Finding(check=check, state="ok", text=f"{said} (at most {values['tolerance']:g})")


def generation(engine: str) -> Finding:
    """Continue a prompt with demo:smollm2.

    Args:
        engine: ``transformers`` or ``vllm``.
    """
    check, values = f"tokens ({engine})", known()["generation"]
    fix = leave_vllm() if engine == "vllm" else REINSTALL
    found = probe(engine)
    if "error" in found:
        return Finding(check=check, state="fail", text=found["error"], fix=_fix(found, fix))
    said = f"demo:smollm2 by {found['engine']}: {found['text']!r}"
    if found["text"] != values["text"]:
        text = f"{said}, not {values['text']!r}"
        return Finding(check=check, state="fail", text=text, fix=fix)
    return Finding(check=check, state="ok", text=f"{said}, as known")


def device() -> Finding:
    """See whether there is a GPU."""
    found = probe("device")
    if "error" in found:
        return Finding(check="gpu", state="fail", text=found["error"], fix=_fix(found, REINSTALL))
    return of_survey(Survey(**found))


def of_survey(survey: Survey) -> Finding:
    """The line about a machine's GPU."""
    wrong, gpu = why_unusable(survey), survey.gpu
    if not survey.node or survey.built is None:
        built = f"for CUDA {survey.built}" if survey.built else "without CUDA"
        seen = "a driver, and no use of it" if survey.node else "none seen"
        return Finding(
            check="gpu",
            state="warn",
            text=f"{seen} (torch built {built}): engines run on the CPU, which is slow",
            fix=f"on a GPU machine: nvidia-smi, then {CUDA}",
        )
    if wrong is not None:
        return Finding(check="gpu", state="fail", text=wrong[0], fix=wrong[1])
    assert gpu is not None
    facts = [f"compute capability {gpu.facts['gpu_capability']}"]
    facts += [f"driver {gpu.driver}"] if gpu.driver else []
    facts += [] if gpu.has_bfloat16 else ["no bfloat16"]
    facts += ["a part of a GPU (MIG)"] if "MIG" in gpu.name else []
    facts += [f"the first of {survey.seen} GPUs"] if survey.seen > 1 else []
    text = f"{gpu.name} ({', '.join(facts)}), {gpu.free / GIB:.0f} of {gpu.total / GIB:.0f} GiB"
    if gpu.free < LITTLE_MEMORY:
        fix = "see nvidia-smi for what uses it, or choose another with CUDA_VISIBLE_DEVICES"
        return Finding(check="gpu", state="warn", text=f"{text} free: few models fit", fix=fix)
    return Finding(check="gpu", state="ok", text=f"{text} free")


def leave_vllm() -> str:
    """What to do where vLLM does not work."""
    again = CUDA if vllm_is_for_gpus() else CPU
    return f"run with --engine transformers, or reinstall vLLM: {again}"


def probe(name: str, *arguments: str, seconds: float | None = None) -> dict[str, Any]:
    """The answer of :mod:`evalsuite.doctor.probe`; it has ``error`` where the probe gave none.

    Args:
        name: Of the probe.
        arguments: Of the probe.
        seconds: That it may take; ``None`` for what a demo checkpoint may take.
    """
    seconds = seconds or (MOST_SECONDS_GPU if has_driver() else MOST_SECONDS)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "evalsuite.doctor.probe", name, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return {"error": f"no answer within {seconds:.0f} s (is the machine busy?)"}
    finally:
        _end(process)
    try:
        found: dict[str, Any] = json.loads(out)
    except ValueError:
        return {"error": _last_words(process.returncode, err)}
    return found


def _fix(found: dict[str, Any], otherwise: str) -> str:
    """What to type: the module that is missing is installed, if that is what is wrong."""
    missing = _MISSING.search(found["error"])
    if missing is None or missing[1] == "evalsuite":
        return otherwise
    name = missing[1].partition(".")[0]
    return f"pip install --force-reinstall {_DISTRIBUTIONS.get(name, name.replace('_', '-'))}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_words(code: int, err: bytes) -> str:
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
    lines = [line for line in err.decode("utf-8", "replace").splitlines() if line.strip()]
    return shown(f"its process {how}: {lines[-1].strip()}" if lines else f"its process {how}")
