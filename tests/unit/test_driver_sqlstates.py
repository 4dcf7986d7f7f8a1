"""Which error a SQLSTATE becomes, and what its message may say."""

import pytest

from storehaus import errors
from storehaus.driver.sqlstates import ServerReport, build_error

SECRET = "4111 1111 1111 1111"


@pytest.mark.parametrize(
    ("sqlstate", "expected"),
    [
        ("23505", errors.UniqueViolation),
        ("23503", errors.ForeignKeyViolation),
        ("23001", errors.ForeignKeyViolation),
        ("23514", errors.CheckViolation),
        ("23502", errors.NotNullViolation),
        ("23P01", errors.ExclusionViolation),
        ("23000", errors.ConstraintViolation),
        ("40001", errors.SerializationFailure),
        ("40P01", errors.DeadlockDetected),
        ("40003", errors.CommitUnknown),
        ("57014", errors.QueryTimeout),
        ("57P01", errors.ConnectionFailed),
        ("57P02", errors.ConnectionFailed),
        ("57P03", errors.ConnectionFailed),
        ("08006", errors.ConnectionFailed),
        ("08007", errors.CommitUnknown),
        ("25P03", errors.ConnectionFailed),
        ("55P03", errors.LockNotAvailable),
        ("42P01", errors.DatabaseError),
        ("22P02", errors.DatabaseError),
        ("XX000", errors.DatabaseError),
        ("", errors.DatabaseError),
    ],
)
def test_class_follows_from_the_sqlstate(
    sqlstate: str, expected: type[errors.DatabaseError]
) -> None:
    """Each code gives exactly its class and is kept as an attribute."""
    error = build_error(ServerReport(sqlstate, "words"))

    assert type(error) is expected
    assert error.sqlstate == sqlstate


@pytest.mark.parametrize(
    "sqlstate",
    ["22001", "22P02", "22023", "23502", "23503", "23505", "23514", "23P01", "23000", "44000"],
)
def test_message_of_a_value_error_is_our_own(sqlstate: str) -> None:
    """PostgreSQL quotes values in these classes: its sentence is not passed on."""
    report = ServerReport(sqlstate, f'invalid input syntax: "{SECRET}"', table="cards")

    assert SECRET not in str(build_error(report))


def test_message_of_an_unlisted_class_is_our_own() -> None:
    """A class nobody has thought about is treated as if it quoted values."""
    assert SECRET not in str(build_error(ServerReport("HV000", SECRET)))


@pytest.mark.parametrize("sqlstate", ["42P01", "0A000", "40001", "53300", "P0001"])
def test_message_of_a_speaking_class_is_passed_on(sqlstate: str) -> None:
    """Where PostgreSQL names objects, not values, its sentence helps."""
    error = build_error(ServerReport(sqlstate, 'relation "airports" does not exist'))

    assert str(error) == f'relation "airports" does not exist (SQLSTATE {sqlstate})'


def test_violation_names_table_and_constraint() -> None:
    """What a handler decides by stands in attributes; rows are left to the store."""
    error = build_error(
        ServerReport("23505", "…", table="airports", constraint="airports_icao_key")
    )

    assert isinstance(error, errors.UniqueViolation)
    assert (error.table, error.constraint) == ("airports", "airports_icao_key")
    assert (error.fields, error.values, error.row_index) == ((), None, None)


def test_not_null_names_its_column_as_field() -> None:
    """NOT NULL has no constraint name, but a column."""
    error = build_error(ServerReport("23502", "…", table="airports", column="name"))

    assert isinstance(error, errors.NotNullViolation)
    assert error.fields == ("name",)


def test_lost_connection_counts_as_sent() -> None:
    """A server that says goodbye as its answer has seen the statement."""
    error = build_error(ServerReport("57P01", "terminating connection"))

    assert isinstance(error, errors.ConnectionFailed)
    assert error.sent is True
