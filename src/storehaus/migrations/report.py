"""What a migration did, as values."""

from dataclasses import dataclass

__all__ = ["MigrationReport", "TableReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReport:
    """What happened to one table.

    Attributes:
        table: Name, with its schema where the model gives one.
        created: Whether it was not there before.
        recreated: Whether it was dropped first, with its rows.
        statements: SQL that was run for it, in order.
        unknown_columns: Columns that the model does not know; they stay.
        unknown_objects: Constraints and indexes that StoreHaus did not make; they stay.
        warnings: What deserves a look, one sentence each.
    """

    table: str
    created: bool = False
    recreated: bool = False
    statements: tuple[str, ...] = ()
    unknown_columns: tuple[str, ...] = ()
    unknown_objects: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationReport:
    """What happened in one migration.

    Attributes:
        statements: All SQL that was run, in order; empty when nothing had to change.
        tables: One report per model, in the order the models were given.
    """

    statements: tuple[str, ...] = ()
    tables: tuple[TableReport, ...] = ()

    @property
    def created(self) -> tuple[str, ...]:
        """Names of the tables that were not there before."""
        return tuple(report.table for report in self.tables if report.created)

    @property
    def recreated(self) -> tuple[str, ...]:
        """Names of the tables that were dropped and made again."""
        return tuple(report.table for report in self.tables if report.recreated)

    @property
    def warnings(self) -> tuple[str, ...]:
        """All warnings, each with the name of its table."""
        return tuple(f"{each.table}: {text}" for each in self.tables for text in each.warnings)
