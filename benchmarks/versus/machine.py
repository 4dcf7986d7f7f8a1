"""What the figures were measured on, and with."""

import os
import platform
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def describe_machine() -> dict[str, str]:
    """Give processor, cores, memory, kernel, and how busy the machine is."""
    return {
        "cpu": _field("/proc/cpuinfo", "model name") or platform.processor() or "unknown",
        "cores": str(_cores()),
        "memory": _field("/proc/meminfo", "MemTotal") or "unknown",
        "kernel": f"{platform.system()} {platform.release()}",
        "load": " ".join(f"{each:.2f}" for each in os.getloadavg()),
    }


def describe_versions(packages: Iterable[str]) -> dict[str, str]:
    """Give the version of Python and of packages; what is missing is called so."""
    found = {"python": f"{platform.python_implementation()} {platform.python_version()}"}
    for name in dict.fromkeys(["uvloop", *packages]):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _cores() -> int:
    # What this process may use, which is less than the machine's within a container.
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _field(path: str, name: str) -> str | None:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    found = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in found if key.strip() == name), None)
