"""From `module:Model` on the command line to the classes."""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from types import ModuleType
from typing import Annotated, Any, Final, TypeAlias

import typer

from storehaus.errors import ConfigurationError, StorehausError
from storehaus.model import Model

__all__ = ["References", "load_models"]

References: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        metavar="MODULE[:MODEL]...", help="Models: shop.models:Order, or all that shop.models has."
    ),
]
"""The argument of commands that work on models."""

_RULE: Final = "package.module:Model, or package.module for all models defined there"


def load_models(references: Sequence[str]) -> list[type[Model]]:
    """Import the models that references name, in their order and each once.

    Modules are looked for in the current directory first.

    Args:
        references: `package.module:Model` or `package.module`.

    Raises:
        ConfigurationError: When one names nothing, or its module cannot be imported.
        ModelDefinitionError: When a model is declared wrongly.
    """
    here = os.getcwd()  # noqa: PTH109 - sys.path holds strings
    if here not in sys.path:
        sys.path.insert(0, here)
    return list(dict.fromkeys(model for each in references for model in _resolve(each)))


def _resolve(reference: str) -> Sequence[type[Model]]:
    name, _, path = reference.partition(":")
    if not name or name.endswith((".py", "/")) or (":" in reference and not path):
        raise _refuse(reference, f"must be {_RULE}")
    module = _import(name, reference)
    return [_pick(module, path, reference)] if path else _list(module, reference)


def _import(name: str, reference: str) -> ModuleType:
    try:
        # What a module prints is no part of this command's output.
        with contextlib.redirect_stdout(sys.stderr):
            return importlib.import_module(name)
    except StorehausError:
        raise
    except ModuleNotFoundError as missing:
        if missing.name and f"{name}.".startswith(f"{missing.name}."):
            raise _refuse(
                reference, f"there is no module {missing.name!r} here or among those installed"
            ) from missing
        raise _refuse(reference, f"the module needs another one: {missing}") from missing
    except (Exception, SystemExit) as problem:
        kind = type(problem).__name__
        raise _refuse(reference, f"importing the module raised {kind}: {problem}") from problem


def _pick(module: ModuleType, path: str, reference: str) -> type[Model]:
    found: Any = module
    for name in path.split("."):
        if not hasattr(found, name):
            known = [each.__name__ for each in _find(module)]
            near = get_close_matches(path, known, n=1) or known[:5]
            hint = f"; it has {', '.join(near)}" if near else ""
            raise _refuse(reference, f"{module.__name__} has no {path!r}{hint}")
        found = getattr(found, name)
    if not (isinstance(found, type) and issubclass(found, Model)):
        raise _refuse(reference, f"{path!r} is not a model, a class derived from Model")
    if not _has_table(found):
        raise _refuse(reference, f"{path!r} is abstract: it has no table=")
    return found


def _list(module: ModuleType, reference: str) -> list[type[Model]]:
    models = list(_find(module))
    if not models:
        raise _refuse(reference, "no model with a table is defined there")
    return models


def _find(module: ModuleType) -> Iterator[type[Model]]:
    """Find the models that a module, or a package with its submodules, defines itself."""
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Model) and _has_table(value):
            is_inner = hasattr(module, "__path__") and value.__module__.startswith(
                f"{module.__name__}."
            )
            if value.__module__ == module.__name__ or is_inner:
                yield value


def _has_table(model: type[Model]) -> bool:
    return hasattr(model, "__table_info__")


def _refuse(reference: str, fault: str) -> ConfigurationError:
    return ConfigurationError(
        f"{reference!r}: {fault}", key="models", source="argument", rule=_RULE
    )
