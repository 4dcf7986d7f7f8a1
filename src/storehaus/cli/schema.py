"""`storehaus schema`: the SQL of models, without a database."""

from storehaus.cli.failure import ExitStatus
from storehaus.cli.references import References, load_models
from storehaus.cli.terminal import AsJson, print_json
from storehaus.migrations import schema_sql, schema_statements

__all__ = ["schema"]


def schema(models: References, *, as_json: AsJson = False) -> int:
    """Print the SQL that creates the tables of models on an empty database."""
    classes = load_models(models)
    if as_json:
        print_json({"statements": schema_statements(classes)})
    else:
        print(schema_sql(classes), end="")
    return ExitStatus.OK
