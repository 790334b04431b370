"""`clarion`, and `python -m clarion`: the command line, with the demonstration and the HTTP service beside the other commands."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def commands() -> typer.Typer:
    """All of them."""
    from clarion.cli import app
    from clarion.demo.command import EXAMPLE, demo
    from clarion.serve import EXAMPLE as SERVE_EXAMPLE
    from clarion.serve import serve

    app.command(epilog=EXAMPLE)(demo)
    app.command(epilog=SERVE_EXAMPLE)(serve)
    return app


def main() -> None:
    try:  # importing takes longer than somebody may need to change their mind
        from clarion.cli import run

        run(commands())
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
