"""Arguments and options that several commands share, and the exit codes of all commands."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.terminal.completion import complete_experiment

ALL_FINISHED, TRIAL_FAILED, USER_ERROR, INTERRUPTED = 0, 1, 2, 130

SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="The experiment's YAML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="Changes to the spec: steps=50 or any other setting in base, 'seeds=[0]' or any other "
        "key, resources.cpus=2.",
    ),
]
ExperimentName = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Name of the experiment.", autocompletion=complete_experiment
    ),
]
DataPaths = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=PATH", help="Folder of a dataset; repeat for several."),
]
Insecure = Annotated[
    bool,
    typer.Option("--insecure", help="Use Ray without a token: whoever reaches it can run code."),
]
Pictures = Annotated[bool, typer.Option(help="Show frames of the dataset in the report.")]
