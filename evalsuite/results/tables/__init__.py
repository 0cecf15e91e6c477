"""A table as data: its rows, cells, ranks and notes."""
