"""Arguments and options that several commands share, and the exit codes of all commands."""

from pathlib import Path
from typing import Annotated

import typer

ALL_FINISHED, TRIAL_FAILED, USER_ERROR, INTERRUPTED = 0, 1, 2, 130

SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="The experiment's YAML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
DataPaths = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=PATH", help="Folder of a dataset; repeat for several."),
]
Pictures = Annotated[bool, typer.Option(help="Show frames of the dataset in the report.")]
