"""The command line: options, messages and exit codes; everything else is elsewhere."""

from __future__ import annotations

import gc
import os

from evalsuite.cli.interrupts import INTERRUPTS

NEW_OBJECTS = 200_000
"""Allocations between two collections; at Python's 700, imports alone cause a hundred of them."""


def main() -> None:
    """Entry point of the console script."""
    INTERRUPTS.listen()
    # What imports and stored records allocate lives to the end: to look through it again and
    # again for cycles is a twentieth of a short command.
    gc.set_threshold(NEW_OBJECTS)
    # pydantic looks through the files of every installed package for plugins of its own; none has
    # a say in records, and the search takes a tenth of a short command.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        # Not at the top: Ctrl-C may come while this is imported.
        from evalsuite.cli.app import call

        call()
    finally:
        INTERRUPTS.close()
