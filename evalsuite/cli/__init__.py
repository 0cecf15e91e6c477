"""The command line: options, messages and exit codes; everything else is elsewhere."""

from __future__ import annotations

from evalsuite.cli.interrupts import INTERRUPTS


def main() -> None:
    """Entry point of the console script."""
    INTERRUPTS.listen()
    try:
        # Not at the top: Ctrl-C may come while this is imported.
        from evalsuite.cli.app import call

        call()
    finally:
        INTERRUPTS.close()
