"""A table's rows as lines of CSV (RFC 4180, lines ended by one line feed) and of JSON Lines, all rows at once."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.compute as pc

from .table_source import Columns

MOST_DIGITS = 18


def csv_header(names: list[str]) -> str:
    return ",".join(names) + "\n"


def csv_lines(columns: Columns, digits: dict[str, int]) -> pa.Array:
    """Gaps are empty."""
    cells = [pc.fill_null(_quoted_if_needed(_text(name, column, digits)), "") for name, column in columns.items()]
    return pc.binary_join_element_wise(pc.binary_join_element_wise(*cells, ","), "\n", "")


def json_lines(columns: Columns, digits: dict[str, int]) -> pa.Array:
    """Objects with all keys; gaps are null."""
    pieces: list[pa.Array | str] = []
    for name, column in columns.items():
        cells = _text(name, column, digits)
        if pa.types.is_string(column.type):
            cells = pc.binary_join_element_wise('"', _escaped(cells), '"', "")
        pieces += [f'{"," if pieces else "{"}{json.dumps(name)}:', pc.fill_null(cells, "null")]
    return pc.binary_join_element_wise(*pieces, "}\n", "")


def _text(name: str, column: pa.Array, digits: dict[str, int]) -> pa.Array:
    """Real numbers all with the same digits after the point."""
    if name in digits:
        column = column.cast(pa.decimal128(MOST_DIGITS, digits[name]))
    return column.cast(pa.string())


def _quoted_if_needed(cells: pa.Array) -> pa.Array:
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(cells, '"', '""'), '"', "")
    return pc.if_else(pc.match_substring_regex(cells, '[",\r\n]'), quoted, cells)


def _escaped(cells: pa.Array) -> pa.Array:
    for mark, escape in (("\\", "\\\\"), ('"', '\\"'), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        cells = pc.replace_substring(cells, mark, escape)
    return cells
