"""Commands that check or prepare datasets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import AsJson
from orchestrator.cli.output import console, print_json
from vss.errors import UserError

if TYPE_CHECKING:
    from vss.data.camvid.raw_videos import ExtractionTask
    from vss.data.dataset import VideoDataset

app = typer.Typer(help="Check or prepare a dataset.", no_args_is_help=True)
prepare_app = typer.Typer(
    help="Cut missing frames from the raw videos of a dataset.", no_args_is_help=True
)
app.add_typer(prepare_app, name="prepare")
SOUND, BROKEN = 0, 1


@app.command()
def check(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A dataset that `vss-orch names` lists.")
    ],
    path: Annotated[
        Path | None,
        typer.Argument(metavar="PATH", help="Its folder or file; none for synthetic."),
    ] = None,
    stride: Annotated[
        int, typer.Option(min=1, help="Video frames from a memory frame to the next.")
    ] = 1,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw frames of each split with their labels."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read every file of a dataset and report what it holds and what is broken.

    Exits with 0 if all is sound, 1 if a file is broken, 2 on a user error.
    """
    from dataclasses import asdict

    from orchestrator.terminal.data_tables import data_tables
    from orchestrator.terminal.progress_bar import frame_bar
    from vss.data.check.inspection import inspect_dataset
    from vss.data.check.named_dataset import open_dataset

    dataset = open_dataset(name, path)
    _check_picture(picture)
    with frame_bar(len(dataset.frames), "reading") as show:
        report = inspect_dataset(dataset, stride, name, show)
    if as_json:
        print_json(asdict(report))
    else:
        console().print(data_tables(report))
    if picture is not None:
        _draw(dataset, picture)
    raise typer.Exit(BROKEN if report.broken else SOUND)


@prepare_app.command("camvid")
def prepare_camvid(
    path: Annotated[
        Path, typer.Argument(help="The official release: stills, labels (*_L.png), raw videos.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write the frames to.")],
    before: Annotated[int, typer.Option(min=1, help="Frames to cut before each label.")] = 4,
) -> None:
    """Extract the frames before each labelled one from the raw videos.

    Each still is matched with its video first. Existing frames are not written again.
    Exits with 0 if all frames exist, 1 if a video or still was refused, 2 on a user error.
    """
    from vss.data.camvid.raw_videos import plan_extraction

    complete = [_extract(task) for task in plan_extraction(path, out, before)]
    raise typer.Exit(SOUND if all(complete) else BROKEN)


def _extract(task: "ExtractionTask") -> bool:
    """Cut the frames from one video; a refused one does not stop the others."""
    from orchestrator.terminal.progress_bar import frame_bar
    from vss.data.camvid.frame_extraction import extract_frames

    try:
        with frame_bar(task.video_frames, task.sequence) as show:
            extraction = extract_frames(task, show)
    except UserError as error:
        typer.echo(f"refused: {error}", err=True)
        return False
    for line in extraction.problems:
        typer.echo(f"refused: {line}", err=True)
    match = f"; stills match at offset {extraction.offset:+d}"
    match += f", mean difference {extraction.difference:.1f}"
    typer.echo(
        f"{task.sequence}: {extraction.files_written} frames written{match if task.missing else ''}"
    )
    return not extraction.problems


def _check_picture(path: Path | None) -> None:
    """Refuse a picture that cannot be written, before minutes of reading."""
    if path is None:
        return
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise UserError(f"--picture {path} must end in .png, .jpg or .webp")
    if not path.parent.is_dir():
        raise UserError(f"--picture {path}: folder {path.parent} does not exist")


def _draw(dataset: "VideoDataset", path: Path) -> None:
    """Draw the sheet; the report already names a file that cannot be read."""
    from vss.data.check.contact_sheet import draw_contact_sheet

    try:
        draw_contact_sheet(dataset).save(path)
    except (UserError, OSError) as error:
        typer.echo(f"no picture: {error}", err=True)
    else:
        typer.echo(f"picture: {path}", err=True)
