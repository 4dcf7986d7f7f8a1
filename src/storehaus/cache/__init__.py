"""The cache: coherent with the tables by protocol, and invisible when it fails."""

from storehaus.cache.transport import CacheTransport, Finding, Lease, Opened, Timing

__all__ = ["CacheTransport", "Finding", "Lease", "Opened", "Timing"]
