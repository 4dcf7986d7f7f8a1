"""Settings: where they come from, what they may be, and what is wrong with them.

    arguments > environment > .env > the file of STOREHAUS_CONFIG, else ./storehaus.toml

`settings` puts the layers together, `layers` reads them, `database`, `cache` and `signal` say what
each section may hold, `problems` turns whatever is wrong into one `ConfigurationError`.
"""

from storehaus.config.cache import CacheConfig
from storehaus.config.database import DatabaseConfig
from storehaus.config.settings import AppConfig, load_config
from storehaus.config.signal import SignalConfig

__all__ = ["AppConfig", "CacheConfig", "DatabaseConfig", "SignalConfig", "load_config"]
