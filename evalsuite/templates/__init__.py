"""Templates from other people, rendered without reach in a process that can be ended."""
