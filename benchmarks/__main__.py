"""`make bench`: what results/latest.json holds, one benchmark after the other, each in a process of its own.

`make bench ARGS="sending"` runs one, with options of its own after it: ARGS="sending --database sqlite". The others
below measure one thing closer, and keep their figures to results/<name>.json.
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks import latest

COMPARING = (
    "per_delivery",
    "planning",
    "mail_building",
    "mail_sending",
    "emitting",
    "fan_out",
    "finished",
    "sending",
    "ingest",
    "inbox",
    "streaming",
    "console",
)
CLOSER = (
    "bulk",
    "deciding_cost",
    "schema",
    "retention",
    "flood",
    "hung_relay",
    "ingest",
    "inbox",
    "console",
    "streaming",
)


def main() -> None:
    chosen = [name for name in sys.argv[1:] if name in (*COMPARING, *CLOSER)]
    options = [given for given in sys.argv[1:] if given not in chosen]
    if options and len(chosen) != 1:
        known = ", ".join((*COMPARING, *CLOSER))
        sys.exit(f"options {options} need the one benchmark that they are for; known: {known}")
    failed = []
    for name in chosen or COMPARING:
        print(f"── {name} ──", flush=True)
        if name in COMPARING and not options:
            latest.forget(name)
        command = [sys.executable, "-m", f"benchmarks.{name}", *options]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    print("── all of them ──")
    latest.show(latest.read())
    if failed:
        sys.exit(f"failed: {', '.join(failed)}; their rows are missing from {latest.LATEST}")


if __name__ == "__main__":
    main()
