"""Planning and executing jobs."""
