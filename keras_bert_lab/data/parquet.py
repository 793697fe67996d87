"""Tables as Parquet."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from keras_bert_lab.data.wording import reason
from keras_bert_lab.errors import DataError
from keras_bert_lab.lazy import LazyModule

__all__ = ["parquet_cells", "parquet_names", "read_parquet", "write_parquet"]

pa = LazyModule("pyarrow")
pq = LazyModule("pyarrow.parquet", install="pyarrow")
pd = LazyModule("pandas")

_ROWS = 1024


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
    with _telling_damage(path):
        with pq.ParquetFile(path) as file:
            found = file.read()
        table = pd.DataFrame({place: _series(found.column(place)) for place in range(found.num_columns)})
    table.columns = found.column_names
    return table


@contextlib.contextmanager
def _telling_damage(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as Parquet, it is damaged, cut off or of another form: {reason(error)}."
        ) from error


def parquet_names(path: pathlib.Path) -> list[str]:
    """The names of all columns.

    Raises:
        DataError: no Parquet file, or a damaged one.
    """
    with _telling_damage(path), pq.ParquetFile(path) as file:
        return list(file.schema_arrow.names)


def parquet_cells(path: pathlib.Path, name: str) -> Iterator[list[Any]]:
    """The cells of one column as Python values, some rows at a time.

    Raises:
        DataError: no Parquet file, or a damaged one.
    """
    with _telling_damage(path), pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
        for batch in file.iter_batches(batch_size=_ROWS, columns=[name]):
            column = batch.column(0)
            if pa.types.is_dictionary(column.type):
                column = column.cast(column.type.value_type)
            column.validate(full=True)  # is it UTF-8?
            yield column.to_pylist()


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
