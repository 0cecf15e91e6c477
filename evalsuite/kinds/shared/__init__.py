"""What several kinds of task use."""
