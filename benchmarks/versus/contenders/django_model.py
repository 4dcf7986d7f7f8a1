"""Django's model of the table. It can be imported once Django is configured."""

from django.contrib.postgres.fields import ArrayField  # type: ignore[import-untyped]  # Django has no types
from django.db import models  # type: ignore[import-untyped]  # Django has no types
from django.db.models.functions import Now  # type: ignore[import-untyped]  # Django has no types


# Django has no types, and nobody prints a row.
class DjangoReading(models.Model):  # type: ignore[misc]  # noqa: DJ008
    """The table; PostgreSQL fills the system columns, and RETURNING brings them back."""

    id = models.BigIntegerField(primary_key=True)
    station = models.TextField()
    unit = models.CharField(max_length=20)
    value = models.FloatField()
    price = models.DecimalField(max_digits=20, decimal_places=2)
    valid = models.BooleanField()
    taken_at = models.DateTimeField()
    note = models.TextField(null=True)  # noqa: DJ001 - the table is what it is
    created_at = models.DateTimeField(db_default=Now(), db_column="__created_at__")
    updated_at = models.DateTimeField(db_default=Now(), db_column="__updated_at__")
    tags = ArrayField(models.TextField(), default=list, db_column="__tags__")

    class Meta:
        """The name of the table, which is not Django's to make."""

        app_label = "versus"
        db_table = "reading"
        managed = False
