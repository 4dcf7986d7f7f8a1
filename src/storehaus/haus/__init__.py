"""The composition root: wires configuration, driver, stores and plug-ins together."""

from storehaus.haus.haus import StoreHaus
from storehaus.haus.health import ComponentHealth, Health
from storehaus.haus.results import ResultRows

__all__ = ["ComponentHealth", "Health", "ResultRows", "StoreHaus"]
