"""Commands for datasets: check one, complete one."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vss.data.camvid.raw_videos import ExtractionTask
    from vss.data.dataset import VideoDataset

app = typer.Typer(help="Check a dataset, or complete one.", no_args_is_help=True)
prepare_app = typer.Typer(help="Complete a dataset from its raw videos.", no_args_is_help=True)
app.add_typer(prepare_app, name="prepare")
FINE, BROKEN = 0, 1


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="A dataset, as in `names`.")],
    path: Annotated[
        Path | None, typer.Argument(help="Its folder; synthetic takes none.", show_default=False)
    ] = None,
    stride: Annotated[
        int, typer.Option(min=1, help="Video frames between a frame and its predecessor.")
    ] = 1,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw frames of each split with their labels."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read every file of a dataset and say what it holds and what is broken.

    Ends with 0 if all is fine, 1 if something is broken, 2 for a user's mistake.
    """
    from dataclasses import asdict

    from rich.console import Console

    from orchestrator.terminal.data_tables import data_tables
    from orchestrator.terminal.live_view import frame_bar
    from vss.data.check.inspection import inspect_dataset
    from vss.data.check.named_dataset import open_dataset

    dataset = open_dataset(name, path)
    _require_picture(picture)
    with frame_bar(len(dataset.frames), "reading") as show:
        report = inspect_dataset(dataset, stride, name, show)
    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2))
    else:
        Console().print(data_tables(report))
    if picture is not None:
        _draw(dataset, picture)
    raise typer.Exit(BROKEN if report.broken else FINE)


@prepare_app.command("camvid")
def prepare_camvid(
    path: Annotated[
        Path, typer.Argument(help="The official release: stills, labels (*_L.png) and raw videos.")
    ],
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Where the frames go."),
    ],
    before: Annotated[int, typer.Option(min=1, help="Video frames before each labelled one.")] = 4,
) -> None:
    """Cut the frames before each labelled one out of the raw videos.

    Each still is first found in its video. What is there already is not written again.
    Ends with 0 if all is there, 1 if a video or a still was refused, 2 for a user's mistake.
    """
    from vss.data.camvid.raw_videos import plan_extraction

    fine = [_extract(task) for task in plan_extraction(path, out, before)]
    raise typer.Exit(FINE if all(fine) else BROKEN)


def _extract(task: "ExtractionTask") -> bool:
    """Cut out of one video; one that is refused does not keep the others waiting."""
    from orchestrator.terminal.live_view import frame_bar
    from vss.data.camvid.frame_extraction import extract_frames
    from vss.errors import UserError

    try:
        with frame_bar(task.video_frames, task.sequence) as show:
            done = extract_frames(task, show)
    except UserError as error:
        typer.echo(f"refused: {error}", err=True)
        return False
    for line in done.refused:
        typer.echo(f"refused: {line}", err=True)
    found = f"; stills found at offset {done.offset:+d}, mean difference {done.difference:.1f}"
    typer.echo(f"{task.sequence}: {done.written} frames written{found if task.missing else ''}")
    return not done.refused


def _require_picture(path: Path | None) -> None:
    """Before minutes of reading, not after them."""
    from vss.errors import UserError

    if path is None:
        return
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise UserError(f"--picture {path} must end in .png, .jpg or .webp")
    if not path.parent.is_dir():
        raise UserError(f"--picture {path}: there is no folder {path.parent}")


def _draw(dataset: "VideoDataset", path: Path) -> None:
    """Draw the sheet; a file that cannot be read is in the report already."""
    from vss.data.check.contact_sheet import contact_sheet
    from vss.errors import UserError

    try:
        contact_sheet(dataset).save(path)
    except (UserError, OSError) as error:
        typer.echo(f"no picture: {error}", err=True)
    else:
        typer.echo(f"picture: {path}", err=True)
