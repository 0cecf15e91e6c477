"""Data: where it lies, what it hashes to, how rows are read, and how it is fetched.

Nothing here but :mod:`evalsuite.data.fetch` touches the network, and nothing a model.
"""

from evalsuite.data.delimited import place, with_values
from evalsuite.data.hashes import hash_file, hash_folder
from evalsuite.data.info import files_info, hub_info, local_info, rows_hash, still_matches
from evalsuite.data.mirror import content_link, converted_folder, dataset_folder
from evalsuite.data.rows import (
    groups_of,
    is_id,
    read_rows,
    require_columns,
    require_in_row,
    stream_rows,
)
from evalsuite.data.sample_table import SampleTable

__all__ = [
    "SampleTable",
    "content_link",
    "converted_folder",
    "dataset_folder",
    "files_info",
    "groups_of",
    "hash_file",
    "hash_folder",
    "hub_info",
    "is_id",
    "local_info",
    "place",
    "read_rows",
    "require_columns",
    "require_in_row",
    "rows_hash",
    "still_matches",
    "stream_rows",
    "with_values",
]
