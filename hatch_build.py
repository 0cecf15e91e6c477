"""Addresses for the built package, from the repository that it is built from.

A package index shows README by itself, where links relative to the repository lead nowhere. So
they become absolute, at the commit that is built. Where the folder has no remote repository, as
in a copy without git, they stay as they are and the package states no addresses.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

REMOTE = re.compile(
    r"(?:(?:https?|ssh)://(?:[^@/]+@)?|[\w.-]+@)([\w.-]+)(?::\d+)?[:/](.+?)(?:\.git)?/?"
)
"""``https://HOST/PATH.git``, ``ssh://git@HOST/PATH`` or ``git@HOST:PATH``."""
LINK = re.compile(r'(\]\(|<img src=")(?!https?://|#)([^)"]+)')
IMAGES = (".png", ".svg", ".jpg")


class AddressHook(MetadataHookInterface):
    """Fills in ``readme`` and ``urls``."""

    def update(self, metadata: dict[str, Any]) -> None:
        root = Path(self.root)
        text = (root / "README.md").read_text("utf-8")
        home = address(_git(root, "remote", "get-url", "origin"))
        commit = _git(root, "rev-parse", "HEAD")
        if home and commit and _git(root, "rev-parse", "--show-toplevel") == str(root.resolve()):
            text = absolute(text, home, commit)
            metadata["urls"] = {
                "Repository": home,
                "Documentation": f"{home}/blob/{commit}/README.md",
                "Changelog": f"{home}/blob/{commit}/CHANGELOG.md",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def address(remote: str) -> str | None:
    """The web address of a repository without user and key; ``None`` for a local one."""
    found = REMOTE.fullmatch(remote)
    return f"https://{found[1]}/{found[2]}" if found else None


def absolute(text: str, home: str, commit: str) -> str:
    """Markdown with its links into the repository made absolute.

    Args:
        text: What README says.
        home: The repository's web address.
        commit: The commit whose files are meant.
    """

    def whole(found: re.Match[str]) -> str:
        kind = "raw" if found[2].endswith(IMAGES) else "blob"
        return f"{found[1]}{home}/{kind}/{commit}/{found[2]}"

    return LINK.sub(whole, text)


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:  # no git here
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
