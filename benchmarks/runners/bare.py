"""Nobody's: new interpreters, and nothing kept."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor


def main() -> None:
    n, slots, script = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    with ThreadPoolExecutor(slots) as pool:
        list(pool.map(lambda i: subprocess.run([sys.executable, script, f"--x={i / n}"], check=True), range(n)))


if __name__ == "__main__":
    main()
