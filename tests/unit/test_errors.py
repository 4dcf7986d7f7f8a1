"""Errors as an interface: attributes, context, pickles; values of rows stay out of texts."""

import copy
import inspect
import pickle
from typing import Any

import pytest

from storehaus import errors
from storehaus.errors import (
    ConnectionFailed,
    ConstraintViolation,
    DatabaseError,
    DeadlockDetected,
    LockNotAvailable,
    PoolTimeout,
    QueryTimeout,
    SerializationFailure,
    StorehausError,
    UniqueViolation,
    ValidationError,
)

CLASSES: list[type[StorehausError]] = [
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, StorehausError)
]
TRANSIENT = {
    ConnectionFailed,
    PoolTimeout,
    QueryTimeout,
    SerializationFailure,
    DeadlockDetected,
    LockNotAvailable,
}


def filled(cls: type[StorehausError]) -> StorehausError:
    """An error with something in every field."""
    return cls(f"a {cls.__name__}", **{name: f"the {name}" for name in cls._fields})


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_keeps_everything(cls: type[StorehausError], protocol: int) -> None:
    """Class, message, attributes and context survive the way to another process."""
    error = filled(cls)

    back = pickle.loads(pickle.dumps(error, protocol))

    assert type(back) is cls
    assert (back.args, back.message, str(back)) == (error.args, error.message, str(error))
    assert (back.__dict__, back.context) == (error.__dict__, error.context)


@pytest.mark.parametrize("cls", CLASSES)
def test_copies_are_equal_in_all_they_say(cls: type[StorehausError]) -> None:
    """Copy and deepcopy go the same way."""
    error = filled(cls)

    for back in (copy.copy(error), copy.deepcopy(error)):
        assert type(back) is cls
        assert (back.args, back.__dict__) == (error.args, error.__dict__)


@pytest.mark.parametrize("cls", CLASSES)
def test_notes_survive(cls: type[StorehausError]) -> None:
    """What add_note wrote is carried along."""
    error = filled(cls)
    error.add_note("seen at noon")

    assert pickle.loads(pickle.dumps(error)).__notes__ == ["seen at noon"]


@pytest.mark.parametrize("cls", CLASSES)
def test_context_is_the_attributes_that_are_known(cls: type[StorehausError]) -> None:
    """For structured logs: name, transience and fields, never values of rows."""
    context = filled(cls).context

    assert context["error"] == cls.__name__
    assert context["is_transient"] is (cls in TRANSIENT)
    assert set(context) - {"error", "is_transient"} == set(cls._fields) - {"values"}
    assert set(cls("empty").context) == {"error", "is_transient"}


@pytest.mark.parametrize("cls", CLASSES)
def test_unknown_fields_are_refused(cls: type[StorehausError]) -> None:
    """A misspelt field would be lost silently."""
    with pytest.raises(TypeError, match="colour"):
        cls("x", colour="red")


@pytest.mark.parametrize("cls", CLASSES)
def test_every_field_is_declared(cls: type[StorehausError]) -> None:
    """What `_fields` names, checkers know."""
    declared: set[str] = set()
    for base in cls.__mro__:
        declared |= set(inspect.get_annotations(base))

    assert set(cls._fields) <= declared


def test_all_classes_are_public() -> None:
    """`__all__` is the whole tree, and the package gives each of them."""
    import storehaus  # noqa: PLC0415 - the front door, after the room itself

    assert set(errors.__all__) == {each.__name__ for each in CLASSES}
    for each in CLASSES:
        assert getattr(storehaus, each.__name__) is each


def test_tree_is_the_one_that_is_drawn() -> None:
    """The drawing on top of the module is true."""
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        name = line.lstrip(" │├└─").split(" ")[0]
        if not name.isidentifier() or not name[0].isupper() or name not in errors.__all__:
            continue
        depth = (len(line) - len(line.lstrip(" │├└─")) - 4) // 4
        path[depth:] = [name]
        drawn[name] = path[depth - 1] if depth else ""
    actual = {each.__name__: each.__base__.__name__ for each in CLASSES if each.__base__}

    assert drawn == actual | {"StorehausError": ""}


def test_values_of_rows_are_attributes_only() -> None:
    """Neither str nor repr nor context of a violation shows what was in the row."""
    secret = "4111-1111"
    error = UniqueViolation("taken", table="cards", fields=("number",), values={"number": secret})

    assert error.values == {"number": secret}
    assert secret not in f"{error} {error!r} {error.context}"


def test_violations_are_database_errors() -> None:
    """One handler may catch all of them."""
    assert issubclass(UniqueViolation, ConstraintViolation)
    assert issubclass(ConstraintViolation, DatabaseError)
    assert not issubclass(ValidationError, DatabaseError)


@pytest.mark.parametrize("argument", ["", "text", "ünïcode"])
def test_message_is_the_sentence(argument: Any) -> None:
    """`message` is what the error was raised with."""
    assert StorehausError(argument).message == argument
    assert StorehausError().message == ""


def test_refused_login_does_not_go_away() -> None:
    """A connection may come back; a wrong password and a missing database do not."""
    assert ConnectionFailed("gone", sqlstate="57P01").is_transient
    assert not ConnectionFailed("no such user", sqlstate="28000").is_transient
    assert not ConnectionFailed("no such database", sqlstate="3D000").is_transient
