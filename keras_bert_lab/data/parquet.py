"""Tables as Parquet."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from keras_bert_lab.data.wording import reason
from keras_bert_lab.errors import DataError
from keras_bert_lab.lazy import LazyModule

__all__ = [
    "parquet_cells",
    "parquet_names",
    "parquet_parts",
    "parquet_schema",
    "parquet_writer",
    "read_parquet",
    "write_parquet",
]

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
    with _telling_damage(path), pq.ParquetFile(path) as file:
        return _frame(file.read())


def _frame(found: Any) -> Any:
    names = list(found.schema.names)
    table = pd.DataFrame({place: _series(found.column(place)) for place in range(found.num_columns)}, index=range(len(found)))
    table.columns = names
    return table


def parquet_parts(path: pathlib.Path, rows: int) -> Iterator[Any]:
    """As `read_parquet`, at most so many rows at a time.

    Raises:
        DataError: no Parquet file, or a damaged one.
    """
    with _telling_damage(path), pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
        for batch in file.iter_batches(batch_size=rows):
            yield _frame(batch)


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
    pq.write_table(_arrow(table), file)


def _arrow(table: Any, schema: Any = None) -> Any:
    table = table.copy(deep=False)
    table.attrs = {}  # Arrow warns of those that JSON does not know
    with _one_type_a_column():
        return pa.Table.from_pandas(table, schema=schema, preserve_index=False)


@contextlib.contextmanager
def _one_type_a_column() -> Iterator[None]:
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise DataError(f"Parquet needs one type for each column: {reason(error)}. Write CSV or JSONL instead.") from error


def parquet_schema(table: Any, before: Any = None) -> Any:
    """The types that the columns of a table have in a file.

    Args:
        table: a pandas DataFrame, or a part of it.
        before: the types of earlier parts; integers and decimals in one column become decimals, and what is missing fits all.

    Raises:
        DataError: a column of mixed types.
    """
    found = _arrow(table).schema.remove_metadata()
    if before is None:
        return found
    with _one_type_a_column():
        # Columns that only one of them has do not matter yet: the keys of a .jsonl are known at its end.
        return pa.unify_schemas([before, found], promote_options="permissive")


@contextlib.contextmanager
def parquet_writer(file: BinaryIO, schema: Any) -> Iterator[Callable[[Any], None]]:
    """What writes the parts of a table, one after the other, with the types of `schema`."""
    with pq.ParquetWriter(file, schema) as writer:
        yield lambda part: writer.write_table(_arrow(part, schema))
