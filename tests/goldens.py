"""All golden queries and their tables; each file `golden_*.py` has those of one concern."""

import golden_queries
import golden_tables
from golden_deleted import DELETED
from golden_functions import FUNCTIONS
from golden_joins import JOINS
from golden_projections import PROJECTIONS
from golden_queries import Golden
from golden_subqueries import SUBQUERIES
from storehaus.model import Model

GOLDENS: list[Golden] = [
    *golden_queries.GOLDENS,
    *JOINS,
    *PROJECTIONS,
    *SUBQUERIES,
    *FUNCTIONS,
    *DELETED,
]
MODELS: tuple[type[Model], ...] = (*golden_queries.MODELS, *golden_tables.TABLES)
