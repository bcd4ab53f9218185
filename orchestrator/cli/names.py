"""Commands that list what a spec may say, for people and for editors."""

import json
from typing import TYPE_CHECKING

import typer

from orchestrator.cli.options import AsJson
from orchestrator.cli.output import print_json

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

app = typer.Typer()


@app.command()
def names(as_json: AsJson = False) -> None:
    """List the settings of a spec and the names that they accept."""
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
    for name, field in fields.items():
        typer.echo(f"  {name:<21} {field.description}{_default(field)}")
    for kind, table in catalog.CHOICES.items():
        typer.secho(kind, bold=True)
        for name, row in table.items():
            typer.echo(f"  {name:<10} {row.source}")
            for option, value in row.options.items():
                typer.echo(f"  {'':<10}   {option} (default {json.dumps(value)})")


@app.command()
def schema() -> None:
    """Print the JSON schema of specs, for completion and checks in editors."""
    from orchestrator.spec.schema import json_schema

    print_json(json_schema())


def _default(field: "FieldInfo") -> str:
    if field.is_required():
        return " (no default)"
    return "" if field.default is None else f" (default {json.dumps(field.default)})"
