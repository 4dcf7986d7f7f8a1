"""Columns and conditions are values: they combine, and refuse what nobody means."""

import copy
import pickle

import pytest

from golden_queries import Airport, Thing
from storehaus.errors import QueryError
from storehaus.expr import Column, Condition, Ordering
from storehaus.expr.computation import Arithmetic
from storehaus.expr.condition import And, Comparison, NullTest, Or
from storehaus.expr.expression import Computed


def test_condition_has_no_truth_value() -> None:
    """`and`, `or`, `not` and chained comparisons raise instead of dropping a half."""
    condition = Thing.count > 1

    for use in (
        lambda: condition and condition,
        lambda: condition or condition,
        lambda: not condition,
        lambda: 1 < Thing.count < 3,
        lambda: bool(condition),
    ):
        with pytest.raises(QueryError, match="no truth value"):
            use()


def test_condition_combines_with_conditions_only() -> None:
    """A truth value beside `&` or `|` is a mistake, not a filter."""
    for other in (True, "name", None, Thing.name):
        with pytest.raises(QueryError, match="combined with another condition"):
            _ = (Thing.count > 1) & other
        with pytest.raises(QueryError, match="combined with another condition"):
            _ = (Thing.count > 1) | other


def test_chains_stay_flat() -> None:
    """A chain of a thousand conditions nests nowhere."""
    all_of = any_of = Thing.count > 0
    for i in range(1000):
        all_of &= Thing.count != i
        any_of |= Thing.count == i

    assert isinstance(all_of, And)
    assert isinstance(any_of, Or)
    assert len(all_of.parts) == len(any_of.parts) == 1001


def test_column_is_the_same_every_time() -> None:
    """Columns hash by identity, so that they can be keys of a mapping of changes."""
    assert Thing.name is Thing.name
    assert {Thing.name: 1, Thing.nick: 2}[Thing.name] == 1
    assert hash(Thing.name) != hash(Thing.nick)


def test_column_stays_itself_when_copied() -> None:
    """Copies and pickles give the model's own column again."""
    assert copy.copy(Thing.name) is Thing.name
    assert copy.deepcopy({"key": Thing.name})["key"] is Thing.name
    assert pickle.loads(pickle.dumps(Thing.name)) is Thing.name


def test_query_parts_can_be_pickled() -> None:
    """A condition travels to another process and means the same there."""
    condition = pickle.loads(pickle.dumps((Thing.count + 1 > 3) & Thing.name.in_(["x"])))

    assert isinstance(condition, And)
    assert isinstance(condition.parts[0], Comparison)
    assert isinstance(condition.parts[0].left, Computed)
    assert isinstance(condition.parts[0].left.node, Arithmetic)


def test_column_cannot_be_changed() -> None:
    """Columns are shared by everyone."""
    with pytest.raises(AttributeError):
        Thing.name.name = "x"
    with pytest.raises(AttributeError):
        del Thing.name.name


def test_column_is_no_container() -> None:
    """Iterating would never end, and `in` would be a truth value."""
    with pytest.raises(TypeError):
        list(Thing.labels)
    with pytest.raises(TypeError):
        _ = "x" in Thing.labels


def test_column_shows_where_it_belongs() -> None:
    """The repr is what one would write."""
    assert repr(Airport.elevation) == "Airport.elevation"
    assert isinstance(Airport.elevation, Column)


def test_comparison_with_none_is_a_null_test() -> None:
    """`== None` means IS NULL."""
    is_null = Thing.nick == None  # noqa: E711 - the point
    is_not_null = Thing.nick != None  # noqa: E711 - the point

    assert isinstance(is_null, NullTest)
    assert not is_null.negated
    assert isinstance(is_not_null, NullTest)
    assert is_not_null.negated


@pytest.mark.parametrize("operator", ["__lt__", "__le__", "__gt__", "__ge__"])
def test_nothing_is_less_than_none(operator: str) -> None:
    """An order relative to NULL holds for no row and is a mistake."""
    with pytest.raises(QueryError, match="None"):
        getattr(Thing.count, operator)(None)


@pytest.mark.parametrize("values", ["abc", b"xyz", 3, None])
def test_list_of_values_is_a_list(values: object) -> None:
    """A text is no list of its characters."""
    with pytest.raises(QueryError, match="list of values"):
        Thing.name.in_(values)
    with pytest.raises(QueryError, match="list of values"):
        Thing.labels.overlaps(values)


def test_list_of_values_is_taken_at_once() -> None:
    """What happens to the caller's list later does not change the condition."""
    values = ["a"]
    condition = Thing.labels.overlaps(values)
    values.append("b")

    assert condition.other.value == ["a"]


@pytest.mark.parametrize("method", ["startswith", "endswith"])
def test_part_of_a_text_is_a_text(method: str) -> None:
    """Only a text can be searched for in a text."""
    with pytest.raises(QueryError, match="text is needed"):
        getattr(Thing.name, method)(3)


def test_orderings_are_values() -> None:
    """Each method gives another sort key."""
    key = Thing.name.desc()

    assert isinstance(key, Ordering)
    assert key.nulls is None
    assert key.nulls_first().nulls == "first"
    assert key.nulls_last().nulls == "last"
    assert isinstance(Thing.name.asc(), Ordering)


def test_condition_is_no_hidden_comparison() -> None:
    """Two conditions are the same only when they are the same object."""
    condition: Condition = Thing.count > 1

    assert condition == condition  # noqa: PLR0124 - the point
    assert condition != (Thing.count > 1)
