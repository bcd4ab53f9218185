"""Commands that check or prepare datasets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import AsJson
from orchestrator.cli.output import console, echo, print_json
from vss.errors import UserError

if TYPE_CHECKING:
    from vss.data.camvid.raw_videos import ExtractionTask
    from vss.data.dataset import VideoDataset

app = typer.Typer(help="Check or prepare a dataset.", no_args_is_help=True)
prepare_app = typer.Typer(
    help="Extract missing frames from the raw videos of a dataset.", no_args_is_help=True
)
app.add_typer(prepare_app, name="prepare")
SOUND, BROKEN = 0, 1


@app.command()
def check(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the dataset, as in `vss-orch names`.")
    ],
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATH",
            help="Its folder, or for `folder` the YAML file that describes it; omit for synthetic.",
        ),
    ] = None,
    stride: Annotated[
        int, typer.Option(min=1, help="Spacing of memory frames, in video frames.")
    ] = 1,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Save a picture of sample frames with their labels."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read every file of a dataset and report what it contains and what is broken.

    Exits with 0 if no file is broken, 1 if a file is broken, 2 if the input is invalid.
    """
    from dataclasses import asdict

    from orchestrator.terminal.data_tables import build_data_tables
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
        console().print(build_data_tables(report))
    if picture is not None:
        _save_picture(dataset, picture)
    raise typer.Exit(BROKEN if report.broken else SOUND)


@app.command()
def frames(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A video file.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write the frames to.")],
) -> None:
    """Write the frames of a video as 000000.jpg, 000001.jpg and so on, to label some of them.

    Existing files are not overwritten.
    """
    from orchestrator.terminal.progress_bar import frame_bar
    from vss.media.frames import write_frames
    from vss.media.video import open_source

    source = open_source(video)
    try:
        with frame_bar(source.count, "writing") as show:
            written = write_frames(source, out, show)
    except OSError as error:
        raise UserError(f"cannot write to {out}: {error.strerror or error}") from None
    echo(f"{written} frames written to {out}")


@prepare_app.command("camvid")
def prepare_camvid(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="Folder of the official release: stills, labels (*_L.png) and raw videos.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write the frames to.")],
    frames_before: Annotated[
        int,
        typer.Option(
            "--before", min=1, help="Number of frames to extract before each labelled one."
        ),
    ] = 4,
) -> None:
    """Extract the frames before each labelled one from the raw videos.

    Each still is first compared with its frame of the video. Existing frames are not overwritten.
    Exits with 0 if all frames exist, 1 if a video or still was skipped, 2 if the input is invalid.
    """
    from vss.data.camvid.raw_videos import plan_extraction

    are_complete = [_extract(task) for task in plan_extraction(path, out, frames_before)]
    raise typer.Exit(SOUND if all(are_complete) else BROKEN)


def _extract(task: "ExtractionTask") -> bool:
    """Extract the frames of one video; a video that is skipped does not stop the others."""
    from orchestrator.terminal.progress_bar import frame_bar
    from vss.data.camvid.frame_extraction import extract_frames

    try:
        with frame_bar(task.video_frames, task.sequence) as show:
            extraction = extract_frames(task, show)
    except UserError as error:
        echo(f"skipped: {error}", err=True)
        return False
    for line in extraction.problems:
        echo(f"skipped: {line}", err=True)
    match = f"; stills matched at frame offset {extraction.offset:+d} "
    match += f"(mean difference {extraction.difference:.1f} of 255)"
    echo(
        f"{task.sequence}: {extraction.files_written} frames written{match if task.missing else ''}"
    )
    return not extraction.problems


def _check_picture(path: Path | None) -> None:
    """Check the path of the picture before spending minutes on reading."""
    if path is None:
        return
    from vss.media.temporary_path import check_writable_file

    if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise UserError(f"--picture {path} must end in .png, .jpg, .jpeg or .webp")
    check_writable_file(path)


def _save_picture(dataset: "VideoDataset", path: Path) -> None:
    """Save a contact sheet; a failure does not change the exit code of the check."""
    from vss.data.check.contact_sheet import draw_contact_sheet
    from vss.media.temporary_path import temporary_path

    unfinished = temporary_path(path)
    try:
        draw_contact_sheet(dataset).save(unfinished)
        unfinished.replace(path)
    except (UserError, OSError) as error:
        unfinished.unlink(missing_ok=True)
        echo(f"cannot save the picture: {getattr(error, 'strerror', None) or error}", err=True)
    else:
        echo(f"picture: {path}", err=True)
