"""From models to tables: creates them, and brings existing ones to their models.

    models ─► targets ─► catalog, Alembic ─► what differs ─► statements ─► report

Loaded when it is needed only: it brings SQLAlchemy and Alembic with it.
"""

from storehaus.migrations.migration import migrate
from storehaus.migrations.report import MigrationReport, TableReport
from storehaus.migrations.script import schema_sql, schema_statements
from storehaus.migrations.tables import sqlalchemy_table

__all__ = [
    "MigrationReport",
    "TableReport",
    "migrate",
    "schema_sql",
    "schema_statements",
    "sqlalchemy_table",
]
