"""What an analysis of models can find, as records."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias

from storehaus.model.records import TableInfo

__all__ = ["Finding", "Lint", "Severity"]

Severity: TypeAlias = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is likely to be regretted.

    Attributes:
        model: Name of the class.
        field: Name of the field, None when it is the whole model.
        code: Stable name of the lint: `SH001`.
        severity: `error` cannot work, `warning` will hurt, `info` is worth knowing.
        message: What was found.
        hint: What to do about it.
    """

    model: str
    field: str | None
    code: str
    severity: Severity
    message: str
    hint: str


class Lint(Enum):
    """All lints, as (code, severity)."""

    NO_PRIMARY_KEY = ("SH001", "warning")
    LONG_TEXT_KEY = ("SH002", "warning")
    UNINDEXED_REFERENCE = ("SH003", "warning")
    FLOAT_MONEY = ("SH004", "warning")
    WIDE_ROW = ("SH005", "warning")
    IMPOSSIBLE_BOUNDS = ("SH006", "error")
    IMPOSSIBLE_DEFAULT = ("SH007", "error")
    REDUNDANT_INDEX = ("SH008", "warning")
    NULLABLE_UNIQUE = ("SH009", "info")
    DOCUMENT_INDEX = ("SH010", "warning")
    BROKEN_REFERENCE = ("SH011", "error")
    RESERVED_WORD = ("SH012", "info")
    QUOTED_NAME = ("SH013", "info")
    SAME_TABLE = ("SH014", "error")
    SAME_INDEX_NAME = ("SH015", "error")
    ENUM_CLASH = ("SH016", "error")
    SOFT_CASCADE = ("SH017", "warning")
    UNBOUNDED_KEY_TEXT = ("SH018", "info")
    SMALL_IDENTITY = ("SH019", "warning")
    NAIVE_DEFAULT = ("SH020", "error")
    SLOW_PATTERN = ("SH021", "warning")
    REPEATED_SYSTEM_FIELD = ("SH022", "info")
    BIG_ENUM = ("SH023", "info")
    BROKEN_RELATION = ("SH024", "error")
    AMBIGUOUS_ONE = ("SH025", "warning")

    @property
    def code(self) -> str:
        """Stable name."""
        return self.value[0]

    def found(
        self, info: TableInfo, message: str, hint: str, *, field: str | None = None
    ) -> Finding:
        """Say that it was found in a model."""
        severity: Severity = self.value[1]
        return Finding(info.model.__name__, field, self.code, severity, message, hint)
