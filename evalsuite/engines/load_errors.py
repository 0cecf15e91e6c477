"""What libraries raise on a broken checkpoint, as an error of one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from evalsuite.errors import CheckpointError, EvalsuiteError, first_line

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint


@contextmanager
def loading(checkpoint: Checkpoint, what: str) -> Iterator[None]:
    """Turn what the libraries raise on a broken checkpoint into an error of one line.

    Args:
        checkpoint: What is being loaded.
        what: Which part of it: ``model`` or ``tokenizer``.

    Raises:
        CheckpointError: In the place of the library's error.
    """
    try:
        yield
    except EvalsuiteError:
        raise
    # What a damaged file makes a library raise is open: ZeroDivisionError for a model without
    # heads, a bare Exception from the tokenizers library, and whatever a model's own code raises.
    except Exception as error:
        reason = first_line(error)
        if "ignore_mismatched_sizes" in str(error):  # an option of transformers, not ours
            reason = "its weights have other shapes than its config.json says"
        raise CheckpointError(
            f"the {what} of {checkpoint.name} cannot be loaded: {reason}",
            f"check the files in {checkpoint.path}",
        ) from error
