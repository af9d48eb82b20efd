"""The main job on the papers in samples/, as a user would type it: `make demo`.

Every command is run for real in a library of its own; the demo fails where one of them does not do what it should.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: Each command with the exit code it should have. One of the four samples is a scan, which takes longer than the others together.
COMMANDS = (
    ("reread add samples/", 0),
    ("reread add samples/", 0),
    ("reread reprocess prompts/findings.yaml", 0),
    ("reread reprocess prompts/measurements.yaml", 0),
    ("reread reprocess prompts/measurements.yaml", 0),
    ('reread search "error of the weather forecast" --limit 3', 0),
    ('reread search "half-life" --in extractions --run measurements --limit 3', 0),
    ("reread show mouse-kinetics.pdf", 0),
    ("reread runs", 0),
    ("reread export measurements --format csv --out measurements.csv", 0),
    ("reread status", 0),
    ("reread audit --deep", 0),
)


def main() -> int:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="reread-demo-") as folder:
        for name in ("samples", "prompts"):
            (Path(folder) / name).symlink_to(ROOT / name)
        for command, wanted in COMMANDS:
            print(f"\n$ {command}", flush=True)
            code = subprocess.run([sys.executable, "-m", "cli", *shlex.split(command)[1:]], cwd=folder, check=False).returncode
            if code != wanted:
                print(f"demo failed: `{command}` ended with {code}, not {wanted}", file=sys.stderr)
                return 1
        lines = (Path(folder) / "measurements.csv").read_text().splitlines()
        print("\n$ head -4 measurements.csv\n" + "\n".join(lines[:4]))
    print(f"\ndemo: the main job on {len(list((ROOT / 'samples').glob('*.pdf')))} papers in {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
