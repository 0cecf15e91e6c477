"""Errors after which a process can no longer use its GPU.

An illegal memory access or a failed assertion on the GPU breaks the process's CUDA context: each
later call fails with the same error, whatever it computes. Only a new process helps.
"""

from __future__ import annotations

from typing import Final

from evalsuite.engines.memory import chain, is_out_of_memory
from evalsuite.errors import first_line

_SIGN: Final = "cuda error:"
_REFUSED: Final = ("cublas_status_not_supported", "cublas_status_invalid_value")
"""Calls that cuBLAS refuses before it begins: the context is not broken."""


class DeviceLost(BaseException):
    """The CUDA context of this process is broken.

    Not an :class:`Exception`, so that no code takes it for the error of one call or job.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(f"the GPU cannot be used any more by this process: {first_line(error)}")


def breaks_device(error: BaseException) -> bool:
    """Whether an error means that the process's CUDA context is broken."""
    message = str(error).lower()
    refused = any(sign in message for sign in _REFUSED)
    return _SIGN in message and not refused and not is_out_of_memory(error)


def raise_if_lost(error: BaseException) -> None:
    """To be called wherever an error ends a call or a job, and other work goes on.

    Raises:
        DeviceLost: If the error, or one that it came from, broke the CUDA context.
    """
    for one in chain(error):
        if breaks_device(one):
            raise DeviceLost(one) from error
