"""Ctrl-C: whenever it comes, the command ends soon, and says what is kept and how to go on.

Imports next to nothing: until :meth:`Interrupts.listen`, Ctrl-C is Python's own affair.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Final, NoReturn

DEADLINE_SECONDS = 8.0
"""When the command ends though it has not tidied up; killing it at any moment loses nothing."""


class Interrupts:
    """What Ctrl-C does in this process.

    The first press raises ``KeyboardInterrupt``, so that running work can clean up. A library may
    swallow that error or turn it into another one; so the press is remembered here as well.
    """

    line = "interrupted; what is finished is kept; the same command goes on from there"
    """Printed at the end."""
    pressed = False

    def listen(self) -> None:
        """Take over Ctrl-C, unless this process was started to ignore it."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._on_interrupt)

    def _on_interrupt(self, *_: object) -> None:
        if self.pressed:
            return  # a second press must not interrupt the clean-up
        self.pressed = True
        signal.signal(signal.SIGALRM, lambda *_: self.end())
        signal.setitimer(signal.ITIMER_REAL, DEADLINE_SECONDS)
        raise KeyboardInterrupt

    def close(self) -> None:
        """End as interrupted if Ctrl-C was pressed; if not, the next press ends the process."""
        if not self.pressed and signal.getsignal(signal.SIGINT) == self._on_interrupt:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        if self.pressed:
            self.end()

    def end(self) -> NoReturn:
        """Print the line and end the process, whatever threads are left."""
        # In a handler, where a stream may be in the middle of a write, flushing it is an error.
        try:
            sys.stdout.flush()
        except (OSError, ValueError, RuntimeError):
            pass
        finally:
            os.write(2, f"evalsuite: {self.line}\n".encode())
            os._exit(130)  # ExitCode.INTERRUPTED


INTERRUPTS: Final = Interrupts()
"""Those of the command line."""
