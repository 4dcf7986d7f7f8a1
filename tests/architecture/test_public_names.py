"""The public door: every name leads somewhere and says what it is."""

import inspect
import types

import pytest

import storehaus

PUBLIC = list(storehaus.__all__)


def test_public_names_are_listed_once() -> None:
    """A second listing hides a lost name; the linter keeps them sorted."""
    assert len(set(PUBLIC)) == len(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_is_importable(name: str) -> None:
    """`from storehaus import name` works, wherever the thing itself is defined."""
    namespace: dict[str, object] = {}
    exec(f"from storehaus import {name}", namespace)

    assert name in namespace


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_is_documented(name: str) -> None:
    """A class or function of the public door has a docstring of its own."""
    thing = getattr(storehaus, name)
    documented = thing.__doc__ if inspect.isclass(thing) else inspect.getdoc(thing)

    assert documented, f"{name} has no docstring"


def test_no_public_name_is_left_out() -> None:
    """What the package shows without an underscore is in `__all__`, submodules aside."""
    shown = {
        name
        for name in dir(storehaus)
        if not name.startswith("_") and not isinstance(getattr(storehaus, name), types.ModuleType)
    }

    assert shown - set(PUBLIC) == set()
