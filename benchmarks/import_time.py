"""What `import storehaus` costs beyond `import asyncpg, msgspec`."""

import statistics
import subprocess
import sys

ROUNDS = 15
PROGRAM = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def seconds(modules: str) -> float:
    """Import in a fresh process, give the time it took there."""
    command = [sys.executable, "-c", PROGRAM.format(modules)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(output)


def main() -> None:
    seconds("storehaus")
    pairs = [(seconds("storehaus"), seconds("asyncpg, msgspec")) for _ in range(ROUNDS)]
    ours, base = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"import storehaus           {ours * 1e3:6.0f} ms")
    print(f"import asyncpg, msgspec    {base * 1e3:6.0f} ms")
    print(f"difference                 {(ours - base) * 1e3:6.0f} ms")


if __name__ == "__main__":
    main()
