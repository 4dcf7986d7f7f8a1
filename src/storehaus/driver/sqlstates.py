"""SQLSTATE → error of `storehaus.errors`.

The table is pure, so that every adapter maps alike. It looks at codes and at names of tables,
columns and constraints; it never looks into message text, which is translated and changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from storehaus.errors import (
    CheckViolation,
    CommitUnknown,
    ConnectionFailed,
    ConstraintViolation,
    DatabaseError,
    DeadlockDetected,
    ExclusionViolation,
    ForeignKeyViolation,
    LockNotAvailable,
    NotNullViolation,
    QueryTimeout,
    SerializationFailure,
    UniqueViolation,
)

__all__ = ["FAILED_TRANSACTION", "ServerReport", "build_error"]

FAILED_TRANSACTION = "25P02"

_CONSTRAINTS: Mapping[str, tuple[type[ConstraintViolation], str]] = {
    "23001": (ForeignKeyViolation, "a row is still referenced"),
    "23502": (NotNullViolation, "a required column is NULL"),
    "23503": (ForeignKeyViolation, "the referenced row is missing or a row is still referenced"),
    "23505": (UniqueViolation, "another row has the same value"),
    "23514": (CheckViolation, "a check does not hold"),
    "23P01": (ExclusionViolation, "another row excludes this one"),
}

_ERRORS: Mapping[str, type[DatabaseError]] = {
    "08007": CommitUnknown,
    "25P03": ConnectionFailed,  # idle in transaction for too long: the server hung up
    "25P04": ConnectionFailed,  # the transaction took too long: the server hung up
    "40001": SerializationFailure,
    "40003": CommitUnknown,
    "40P01": DeadlockDetected,
    "55P03": LockNotAvailable,
    "57014": QueryTimeout,
    "57P01": ConnectionFailed,
    "57P02": ConnectionFailed,
    "57P03": ConnectionFailed,
    "57P04": ConnectionFailed,
    "57P05": ConnectionFailed,
}

_CLASSES: Mapping[str, type[DatabaseError]] = {
    "08": ConnectionFailed,
    "23": ConstraintViolation,
}

# PostgreSQL's own sentence is passed on for these classes only: in the others, class 22 before
# all (`invalid input syntax for type integer: "…"`), it quotes values of rows.
# P0 is what the application itself wrote behind RAISE, SH what functions of the event log refuse.
_SPEAKING_CLASSES = frozenset(
    ("0A", "21", "25", "26", "28", "34", "3D", "3F", "40", "42", "53", "54", "55", "57", "58")
) | {"P0", "SH"}

_SENTENCES: Mapping[str, str] = {
    "22001": "a text is longer than its column allows",
    "22003": "a number is out of range",
    "22008": "a date or time is out of range",
    "22012": "division by zero",
    "22021": "a text holds a character that the database cannot store",
    "22P02": "a value cannot be read as its type",
    "22P05": "a text holds a character that the database cannot store",
    "44000": "a row does not fit the CHECK OPTION of its view",
}


@dataclass(frozen=True, slots=True)
class ServerReport:
    """What a server said about a failure, without DETAIL, HINT, CONTEXT and query.

    Attributes:
        sqlstate: Five-character code.
        message: Primary message; it is passed on only where it cannot quote a row.
        table: Name of the table, where one was named.
        constraint: Name of the constraint, where one was named.
        column: Name of the column, where one was named.
    """

    sqlstate: str
    message: str = ""
    table: str | None = None
    constraint: str | None = None
    column: str | None = None


def build_error(report: ServerReport) -> DatabaseError:
    """Make the error that stands for a server's report.

    `values` and `row_index` of a constraint violation stay empty: only the caller knows its rows.
    """
    if report.sqlstate.startswith("23"):
        return _build_violation(report)
    error_class = _error_class(report.sqlstate)
    sentence = f"{_sentence(report)} (SQLSTATE {report.sqlstate})"
    if error_class is ConnectionFailed:
        return ConnectionFailed(sentence, sqlstate=report.sqlstate, sent=True)
    return error_class(sentence, sqlstate=report.sqlstate)


def _error_class(sqlstate: str) -> type[DatabaseError]:
    return _ERRORS.get(sqlstate) or _CLASSES.get(sqlstate[:2], DatabaseError)


def _sentence(report: ServerReport) -> str:
    if report.sqlstate[:2] in _SPEAKING_CLASSES and report.message:
        return report.message
    if report.sqlstate.startswith("22"):
        return _SENTENCES.get(report.sqlstate, "a value does not fit its type")
    return _SENTENCES.get(report.sqlstate, "the database refused the statement")


def _build_violation(report: ServerReport) -> ConstraintViolation:
    error_class, sentence = _CONSTRAINTS.get(
        report.sqlstate, (ConstraintViolation, "a row breaks a rule of its table")
    )
    names = (("table", report.table), ("constraint", report.constraint), ("column", report.column))
    where = ", ".join(f"{kind} {name!r}" for kind, name in names if name)
    return error_class(
        f"{sentence}: {where} (SQLSTATE {report.sqlstate})"
        if where
        else f"{sentence} (SQLSTATE {report.sqlstate})",
        sqlstate=report.sqlstate,
        table=report.table,
        constraint=report.constraint,
        fields=(report.column,) if report.column else (),
    )
