"""Whether this installation can be trusted with an evaluation: one line a check, with the fix."""
