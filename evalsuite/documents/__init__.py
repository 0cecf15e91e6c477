"""What commands print with ``--json``: frozen models, built from what the commands find."""
