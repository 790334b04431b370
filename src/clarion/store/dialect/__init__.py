"""Every difference between SQLite and PostgreSQL, in one place. The rest of the store is written once."""

from clarion.store.dialect.batches import (
    batch,
    batch_of_columns,
    batch_of_parameters,
    batch_values,
    columns_values,
    members,
    members_value,
)
from clarion.store.dialect.instants import after, now, now_text, read_now, span
from clarion.store.dialect.product import is_postgresql, worth_retrying
from clarion.store.dialect.selects import (
    at_addresses,
    begins,
    insert,
    look_up,
    newest_each,
    row_address,
    without_sorting,
)
from clarion.store.dialect.texts import AT_PICKED, FOLD, GIVEN, MOVE_NUMBERED, PICK
from clarion.store.dialect.values import reader, stored, writer

__all__ = [
    "AT_PICKED",
    "FOLD",
    "GIVEN",
    "MOVE_NUMBERED",
    "PICK",
    "after",
    "at_addresses",
    "batch",
    "batch_of_columns",
    "batch_of_parameters",
    "batch_values",
    "begins",
    "columns_values",
    "insert",
    "is_postgresql",
    "look_up",
    "members",
    "members_value",
    "newest_each",
    "now",
    "now_text",
    "read_now",
    "reader",
    "row_address",
    "span",
    "stored",
    "without_sorting",
    "worth_retrying",
    "writer",
]
