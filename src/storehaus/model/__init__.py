"""What the data is: typed classes that are tables ("table derive")."""

from storehaus.model.base import Model
from storehaus.model.cache_params import CacheParams
from storehaus.model.constraints import Check, Exclude, ForeignKey, Index, Unique
from storehaus.model.field import Field, field
from storehaus.model.records import ColumnInfo, TableInfo
from storehaus.model.relation import Relation
from storehaus.model.relation_spec import Many, One, related
from storehaus.model.types import ColumnType, Integer, Numeric, SmallInt
from storehaus.model.uuid7 import uuid7

__all__ = [
    "CacheParams",
    "Check",
    "ColumnInfo",
    "ColumnType",
    "Exclude",
    "Field",
    "ForeignKey",
    "Index",
    "Integer",
    "Many",
    "Model",
    "Numeric",
    "One",
    "Relation",
    "SmallInt",
    "TableInfo",
    "Unique",
    "field",
    "related",
    "uuid7",
]
