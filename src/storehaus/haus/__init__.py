"""The composition root: wires configuration, driver, stores and plug-ins together."""

from storehaus.haus.haus import StoreHaus
from storehaus.haus.health import ComponentHealth, Health

__all__ = ["ComponentHealth", "Health", "StoreHaus"]
