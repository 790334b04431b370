"""`clarion`, and `python -m clarion`: the command line, with the demonstration and the HTTP service beside the other commands."""

from __future__ import annotations

from clarion.cli import app, run
from clarion.demo.command import EXAMPLE, demo
from clarion.serve import EXAMPLE as SERVE_EXAMPLE
from clarion.serve import serve

app.command(epilog=EXAMPLE)(demo)
app.command(epilog=SERVE_EXAMPLE)(serve)


def main() -> None:
    run(app)


if __name__ == "__main__":
    main()
