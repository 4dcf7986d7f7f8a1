"""What all sections have in common: frozen, closed, silent about their values."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Self, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import PydanticCustomError

from storehaus.config.problems import Problem, as_error, find_problems

__all__ = [
    "NOT_GIVEN",
    "Count",
    "Frozen",
    "Milliseconds",
    "OptionalPath",
    "OptionalSecret",
    "Seconds",
    "Section",
    "Text",
    "contradict",
]

_LONGEST_SECONDS = 2_147_483  # PostgreSQL keeps its time-outs as milliseconds in 32 bits

NOT_GIVEN: Any = None
"""None as the default of a field whose declared type is a `_Converted`."""

Gives = TypeVar("Gives")
Takes = TypeVar("Takes")


def _check_text(value: str) -> str:
    """Neither PostgreSQL nor Redis can be sent these."""
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise PydanticCustomError("text", "must not contain NUL or lone surrogates")
    return value


def _check_secret(value: SecretStr) -> SecretStr:
    _check_text(value.get_secret_value())
    return value


def _check_path(value: Path) -> Path:
    _check_text(str(value))
    if value == Path():
        raise PydanticCustomError("path", "must name a directory or file")
    return value


Text: TypeAlias = Annotated[str, Field(min_length=1), AfterValidator(_check_text)]
Seconds: TypeAlias = Annotated[float, Field(ge=0.001, le=_LONGEST_SECONDS, allow_inf_nan=False)]
Milliseconds: TypeAlias = Annotated[int, Field(ge=1, le=_LONGEST_SECONDS * 1000)]
Count: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000_000)]

if TYPE_CHECKING:

    class _Converted(Generic[Takes, Gives]):
        """A field that is written as one type and read as another."""

        def __get__(self, instance: object, owner: type) -> Gives: ...
        def __set__(self, instance: object, value: Takes) -> None: ...

    OptionalSecret: TypeAlias = _Converted[str | SecretStr | None, SecretStr | None]
    OptionalPath: TypeAlias = _Converted[str | Path | None, Path | None]
else:
    OptionalSecret = Annotated[SecretStr, AfterValidator(_check_secret)] | None
    OptionalPath = Annotated[Path, Field(strict=False), AfterValidator(_check_path)] | None


class Frozen(BaseModel):
    """A model that cannot be changed, and does not quote a value when somebody tries."""

    # Strict holds for files and arguments; what variables say, which is text, pydantic-settings
    # converts before the check.
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, allow_inf_nan=False
    )

    if not TYPE_CHECKING:  # checkers would take these for permission to set anything

        def __setattr__(self, name: str, value: object) -> None:
            """Refuse: pydantic's own refusal shows the value."""
            raise as_error([Problem(name, "argument", "is frozen; make a changed copy instead")])


class Section(Frozen):
    """One table of the configuration."""

    section: ClassVar[str]

    if not TYPE_CHECKING:  # checkers know the arguments better from the fields

        def __init__(self, **values: Any) -> None:
            failure = _fill(super().__init__, values, type(self))
            if failure:
                raise as_error(failure)

        # Without this mark pydantic calls __init__ for nested sections too, and the problems of
        # the other sections would be lost.
        __init__.__pydantic_base_init__ = True

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy with changes, which are validated (pydantic's own copy does not).

        Raises:
            ConfigurationError: When a change is not a valid setting.
        """
        if not update:
            return super().model_copy(deep=deep)
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self)(**self.overlay(given, update))

    def stated(self, *keys: str) -> str:
        """Name the first key that somebody set: a default is never the one at fault."""
        return next((key for key in keys if key in self.model_fields_set), keys[0])

    @classmethod
    def overlay(cls, lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
        """Put settings over others, key by key."""
        return {**lower, **cls.spell_out(upper)}

    @classmethod
    def spell_out(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Say in full what one source's values mean for the sources below it."""
        return dict(values)


def contradict(key: str, rule: str) -> PydanticCustomError:
    """Make the error of a key that does not fit to another one of its section."""
    return PydanticCustomError("contradiction", "{rule}", {"key": key, "rule": rule})


def _fill(init: Any, values: dict[str, Any], model: type[Section]) -> list[Problem]:
    # The error is translated here and raised by the caller, after the handler's end: as its
    # context it would carry the input along.
    try:
        init(**values)
    except ValidationError as error:
        under = (model.section,)
        return find_problems(error, {under: model.model_fields}, lambda _: "argument", under=under)
    return []
