"""`make bench`: every measurement, one after the other; each prints its own table."""

from __future__ import annotations

import runpy
import sys

ALL = (
    "planning",
    "fan_out",
    "bulk",
    "deciding_cost",
    "mail_building",
    "mail_sending",
    "schema",
    "retention",
    "flood",
    "sending",
    "hung_relay",
)


def main() -> None:
    chosen = sys.argv[1:] or list(ALL)
    for name in chosen:
        if name not in ALL:
            sys.exit(f"unknown benchmark {name!r}; known: {', '.join(ALL)}")
    for name in chosen:
        print(f"── {name} ──", flush=True)
        sys.argv = [name]
        runpy.run_module(f"benchmarks.{name}", run_name="__main__")


if __name__ == "__main__":
    main()
