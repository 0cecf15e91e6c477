"""Functions of the task files beside this one."""


def page(row: dict[str, str]) -> str:
    """The text whose likelihood is measured."""
    return row["page"]
