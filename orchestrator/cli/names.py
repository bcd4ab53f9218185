"""Commands that help to write specs: a first one, and the settings and names that it may use."""

import json
import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from orchestrator.cli.options import AsJson
from orchestrator.cli.output import check_terminal, confirm, echo, print_json
from orchestrator.terminal.counts import count_of
from vss.errors import UserError

if TYPE_CHECKING:
    from orchestrator.spec.template import Answers

app = typer.Typer()
Answer = TypeVar("Answer")
# Options whose value follows from the spec or its files.
_NAME_WIDTH = 25  # characters
_NO_DEFAULT = {"dataset_file": "required", "classes": "from dataset_file"}


@app.command()
def init(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="File to write; its name names the experiment.")
    ] = Path("experiment.yaml"),
    dataset: Annotated[
        str | None,
        typer.Option(help="A dataset, or the YAML file that describes your own video."),
    ] = None,
    vary: Annotated[
        str | None, typer.Option(help="What varies: memory, head, backbone or learning_rate.")
    ] = None,
    network: Annotated[
        str | None, typer.Option(help="Backbone and frame size, such as 'resnet18 160x120'.")
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(help="Seeds per cell: a number such as 3, or a range: 3-10."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing; use the default for each missing answer.")
    ] = False,
) -> None:
    """Write a commented spec from the answers to four questions.

    Each option answers a question, which is then not asked.
    """
    from orchestrator.settings import make_folder
    from orchestrator.spec import template
    from orchestrator.spec.file import load_spec_text

    _check_may_write(file, yes)
    if not yes and None in (dataset, vary, network, seeds):
        check_terminal()
    answers = _collect_answers(dataset, vary, network, seeds, yes)
    text = template.build_spec_text(answers, file)
    make_folder(file.parent)  # paths relative to it are checked
    experiment = load_spec_text(text, file)
    if file.exists():
        confirm(f"Overwrite {file}?", is_confirmed=False)
    _write(file, text)
    cells, trials = count_of(len(experiment.cells), "cell"), len(experiment.trials)
    echo(f"{file}: {count_of(trials, 'trial')} in {cells}; next: vss-orch plan {file}")


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}; choose another file"
        raise UserError(message) from None


def _collect_answers(
    dataset: str | None, vary: str | None, network: str | None, seeds: str | None, yes: bool
) -> "Answers":
    """Return the answers to all questions; None is asked for, or with `yes` the default."""
    from orchestrator.spec import template

    variations = "; ".join(f"{name} = {text}" for name, text in template.VARIATIONS.items())
    data = _ask("Dataset", "synthetic", dataset, yes, template.parse_data)
    default_network = template.DEFAULT_NETWORKS[data.dataset]
    return template.Answers(
        data=data,
        vary=_ask(f"What to vary ({variations})", "memory", vary, yes, template.parse_variation),
        network=_ask(
            "Backbone and frame size", default_network, network, yes, template.parse_network
        ),
        seeds=_ask("Seeds per cell", "3", seeds, yes, template.parse_seeds),
    )


def _check_may_write(file: Path, yes: bool) -> None:
    """Check before any question that the file may be written."""
    if file.is_dir():
        raise UserError(f"{file} is a folder: name a file in it, for example {file}/study.yaml")
    if file.exists() and yes:
        raise UserError(f"{file} exists, and --yes overwrites nothing: choose another file")


def _ask(
    question: str, default: str, answer: str | None, yes: bool, parse: Callable[[str], Answer]
) -> Answer:
    """Return the parsed answer; if it is None, ask until one is valid."""
    if answer is not None or yes:
        return parse(default if answer is None else answer)
    while True:
        try:
            return parse(typer.prompt(question, default=default))
        except UserError as error:
            echo(str(error))


@app.command()
def names(as_json: AsJson = False) -> None:
    """List the settings of a spec, with their values and defaults, and the names they accept."""
    from dataclasses import asdict

    from orchestrator.terminal.reference.setting_list import describe_settings
    from vss import catalog

    settings = describe_settings()
    if as_json:
        described = {setting.name: asdict(setting) for setting in settings}
        tables = catalog.CHOICES.items()
        choices = {kind: {n: asdict(row) for n, row in t.items()} for kind, t in tables}
        print_json({"settings": described, **choices})
        return
    typer.secho("settings", bold=True)
    for setting in settings:
        values = f"{setting.type}: {setting.values}" if setting.values else setting.type
        _echo_wrapped(f"  {setting.name}", setting.description)
        _echo_wrapped("", f"{values}; {setting.default_note}")
    for kind, table in catalog.CHOICES.items():
        typer.secho(kind, bold=True)
        for name, row in table.items():
            _echo_wrapped(f"  {name}", row.source)
            for option, value in row.options.items():
                default = _NO_DEFAULT.get(option, f"default {json.dumps(value)}")
                _echo_wrapped("", f"  {option} ({default})")


def _echo_wrapped(name: str, text: str) -> None:
    """Print a text beside a name, in as many lines as the terminal's width asks for."""
    width = max(60, shutil.get_terminal_size().columns)
    indent = " " * _NAME_WIDTH
    beginning = f"{name:<{_NAME_WIDTH}}"
    lines = textwrap.wrap(text, width - _NAME_WIDTH, break_on_hyphens=False)
    leading = text[: len(text) - len(text.lstrip())]
    for number, line in enumerate(lines):
        echo(f"{indent if number else beginning}{leading if number else ''}{line}")


@app.command()
def schema() -> None:
    """Print the JSON schema of specs, for completion and validation in editors."""
    from orchestrator.spec.schema import build_json_schema

    print_json(build_json_schema())
