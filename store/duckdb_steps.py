"""The embedded telemetry file of any earlier Forewarn in, of this one out, by numbered steps.

Invariants: all steps that a file lacks and the note of its version are one transaction; a step that was released is
never changed; a file of a newer Forewarn is not touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from domain.errors import NewerDataError

if TYPE_CHECKING:
    import duckdb  # the driver is heavy, and the number of the steps is asked without it

STEPS: Final = (
    # as 0.1.0 made it without noting a version: its tables may be there
    """
create table if not exists tags (tag_no integer, tag_id varchar);
create table if not exists points (
    tag_no integer, at_ns bigint, value double, text varchar, quality utinyint, flags uinteger, received_at bigint);
create table if not exists batches (
    sequence bigint, batch varchar, stored bigint, duplicates bigint, conflicts varchar);
""",
    """
alter table batches add column if not exists refused varchar default '[]';
create table if not exists hours (
    tag_no integer, hour_ns bigint, low double, mean double, high double, n bigint);
create table if not exists touched_hours (hour_ns bigint);
create table if not exists floors (at_ns bigint);
""",
)
VERSION: Final = f"{len(STEPS):04}"


def refuse_newer(cursor: duckdb.DuckDBPyConnection) -> None:
    """Raise NewerDataError where a newer Forewarn has written the file; it is only read."""
    if (held := _held(cursor)) > len(STEPS):
        raise NewerDataError(
            f"the telemetry is at version {held:04}, and this Forewarn knows versions up to {VERSION}: "
            "start the Forewarn that wrote it, or restore a backup made by this one"
        )


def bring_up_to_date(cursor: duckdb.DuckDBPyConnection) -> None:
    """Take a file, or a new one, through the steps that it lacks; raises NewerDataError."""
    refuse_newer(cursor)
    held = _held(cursor)
    if held == len(STEPS):
        return
    cursor.execute("begin")
    for step in STEPS[held:]:
        cursor.execute(step)
    cursor.execute("create table if not exists version (number integer)")
    cursor.execute("delete from version")
    cursor.execute("insert into version values (?)", [len(STEPS)])
    cursor.execute("commit")


def _held(cursor: duckdb.DuckDBPyConnection) -> int:
    found = "select 1 from duckdb_tables() where table_name = 'version' and database_name = current_database()"
    if cursor.execute(found).fetchone() is None:
        return 0
    row = cursor.execute("select max(number) from version").fetchone()
    return int(row[0]) if row and row[0] is not None else 0
