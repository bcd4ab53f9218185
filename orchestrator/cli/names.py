"""Commands that list the settings and names of specs, for people and for editors."""

import json
from typing import TYPE_CHECKING

import typer

from orchestrator.cli.options import AsJson
from orchestrator.cli.output import print_json

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

app = typer.Typer()
# Options whose value follows from the spec or its files.
_NO_DEFAULT = {"dataset_file": "required", "classes": "from dataset_file"}


@app.command()
def names(as_json: AsJson = False) -> None:
    """List the settings of a spec and the names they accept."""
    from dataclasses import asdict

    from vss import catalog
    from vss.trial_config import TrialConfig

    fields = TrialConfig.model_fields
    if as_json:
        settings = {
            name: {"description": field.description, "required": field.is_required()}
            for name, field in fields.items()
        }
        tables = catalog.CHOICES.items()
        choices = {kind: {n: asdict(row) for n, row in t.items()} for kind, t in tables}
        print_json({"settings": settings, **choices})
        return
    typer.secho("settings", bold=True)
    width = max(map(len, fields))
    for name, field in fields.items():
        typer.echo(f"  {name:<{width}}  {field.description}{_default(field)}")
    for kind, table in catalog.CHOICES.items():
        typer.secho(kind, bold=True)
        width = max(map(len, table))
        for name, row in table.items():
            typer.echo(f"  {name:<{width}}  {row.source}")
            for option, value in row.options.items():
                default = _NO_DEFAULT.get(option, f"default {json.dumps(value)}")
                typer.echo(f"  {'':<{width}}    {option} ({default})")


@app.command()
def schema() -> None:
    """Print the JSON schema of specs, for completion and validation in editors."""
    from orchestrator.spec.schema import build_json_schema

    print_json(build_json_schema())


def _default(field: "FieldInfo") -> str:
    if field.is_required():
        return " (required)"
    return "" if field.default is None else f" (default {json.dumps(field.default)})"
