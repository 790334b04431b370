"""`clarion`, and `python -m clarion`: the command line, with the demonstration beside the other commands."""

from __future__ import annotations

from clarion.cli import app, run
from clarion.demo.command import EXAMPLE, demo

app.command(epilog=EXAMPLE)(demo)


def main() -> None:
    run(app)


if __name__ == "__main__":
    main()
