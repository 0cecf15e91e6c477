"""Tasks and suites: loading, validating, dispatching."""
