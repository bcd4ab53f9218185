"""Arguments and options that several commands share, and the exit codes of all."""

from pathlib import Path
from typing import Annotated

import typer

ALL_FINISHED, TRIAL_FAILED, USER_ERROR, INTERRUPTED = 0, 1, 2, 130

SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="The experiment's YAML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DataPaths = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=PATH", help="Path of a dataset; may be repeated."),
]
Pictures = Annotated[bool, typer.Option(help="Show frames of the dataset in the report.")]
