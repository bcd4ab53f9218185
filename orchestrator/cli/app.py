"""The command line: all commands, and the handling of user errors."""

import sys

import typer

from orchestrator.cli import data, experiments, names, networks, reports, service
from orchestrator.cli.options import USER_ERROR
from vss.errors import UserError

app = typer.Typer(
    help="Ablation experiments for video semantic segmentation: a YAML file in, a report out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for group in (experiments, reports, names, networks, service):
    app.add_typer(group.app)
app.add_typer(data.app, name="data")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; print a user error on one line and exit with code 2."""
    try:
        app(arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(USER_ERROR)


if __name__ == "__main__":
    main()
