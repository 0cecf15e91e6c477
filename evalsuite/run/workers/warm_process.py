"""A process that imports libraries and starts copies of itself, each for one piece of work.

Started as ``python -m evalsuite.run.workers.warm_process FD NICENESS MODULE …`` by
:mod:`evalsuite.run.workers.warm`; the descriptor is a socket to whoever asks for copies.
"""

from __future__ import annotations

import gc
import importlib
import os
import socket
import sys
from contextlib import suppress
from typing import NoReturn

from evalsuite.run.workers.copying import serve
from evalsuite.run.workers.process import configure_logging, die_with_parent


def main() -> NoReturn:
    """Import what the command line names, then start copies until the other end is gone."""
    handle, niceness, *modules = sys.argv[1:]
    channel = socket.socket(fileno=int(handle))
    die_with_parent(channel.fileno())
    os.nice(int(niceness))
    configure_logging()
    gc.disable()  # while modules are made, collections take time and find nothing
    for name in modules:
        # Whoever needs it imports it again, and says why it cannot be imported.
        with suppress(Exception):
            importlib.import_module(name)
    gc.freeze()  # no collection touches, and so copies, the memory that copies share
    gc.enable()
    serve(channel)


if __name__ == "__main__":
    main()
