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
    """What becomes of Ctrl-C in this process.

    The first raises ``KeyboardInterrupt``, so that whatever goes on tidies up. Libraries may
    lose that or make another error of it; therefore it is noted here as well.
    """

    line = "interrupted; what is finished is kept; the same command goes on from there"
    """What is said at the end."""
    heard = False

    def listen(self) -> None:
        """Take over Ctrl-C, unless this process was started deaf to it."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._hear)

    def _hear(self, *_: object) -> None:
        if self.heard:
            return  # impatience must not keep it from tidying up
        self.heard = True
        signal.signal(signal.SIGALRM, lambda *_: self.end())
        signal.setitimer(signal.ITIMER_REAL, DEADLINE_SECONDS)
        raise KeyboardInterrupt

    def close(self) -> None:
        """End as interrupted, if Ctrl-C was heard; if not, it ends the process at once from now."""
        if not self.heard and signal.getsignal(signal.SIGINT) == self._hear:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        if self.heard:
            self.end()

    def end(self) -> NoReturn:
        """Say the line and end, whatever threads are left."""
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
