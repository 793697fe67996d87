"""Tables as Parquet."""

from __future__ import annotations

import pathlib
from typing import Any, BinaryIO

from keras_bert_lab.data.wording import reason
from keras_bert_lab.errors import DataError
from keras_bert_lab.lazy import LazyModule

__all__ = ["read_parquet", "write_parquet"]

pa = LazyModule("pyarrow")
pq = LazyModule("pyarrow.parquet", install="pyarrow")
pd = LazyModule("pandas")


def _series(column: Any) -> Any:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column.validate(full=True)  # is it UTF-8?
        return column.to_pandas()
    return column.to_pandas(types_mapper=pd.ArrowDtype)  # integers stay integers where some are missing


def read_parquet(path: pathlib.Path) -> Any:
    """All columns in their own types, a saved index among them.

    Raises:
        DataError: no Parquet file, or a damaged one.
    """
    try:
        with pq.ParquetFile(path) as file:
            found = file.read()
        table = pd.DataFrame({place: _series(found.column(place)) for place in range(found.num_columns)})
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as Parquet, it is damaged, cut off or of another form: {reason(error)}."
        ) from error
    table.columns = found.column_names
    return table


def write_parquet(table: Any, file: BinaryIO) -> None:
    """Each column in its own type; lists and dicts too.

    Raises:
        DataError: a column of mixed types, which Parquet does not know.
    """
    table = table.copy(deep=False)
    table.attrs = {}  # Arrow warns of those that JSON does not know
    try:
        found = pa.Table.from_pandas(table, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise DataError(f"Parquet needs one type for each column: {reason(error)}. Write CSV or JSONL instead.") from error
    pq.write_table(found, file)
