"""Commands for trained networks: use them on video, score them, export them, import them."""

from pathlib import Path
from typing import Annotated

import typer

Target = Annotated[
    str,
    typer.Argument(
        metavar="RUN_OR_TRIAL",
        help="A trial_id or its beginning, an MLflow run id, a trial directory, or a checkpoint.",
    ),
]
Like = Annotated[
    str | None,
    typer.Option(metavar="SPEC:CELL", help="The cell whose network a checkpoint file holds."),
]


def predict(
    target: Target,
    video: Annotated[
        Path, typer.Argument(metavar="VIDEO_OR_FOLDER", help="A video, or frames in name order.")
    ],
    out: Annotated[
        Path, typer.Option(help="An overlay video (.mp4, .mkv), or a folder of index PNGs.")
    ],
    masks: Annotated[
        Path | None, typer.Option(help="A folder of index PNGs beside the video.")
    ] = None,
    like: Like = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="WIDTHxHEIGHT", help="Of the network's input (default: the trial's)."),
    ] = None,
    alpha: Annotated[
        float, typer.Option(min=0, max=1, help="0 shows the frame alone, 1 the classes alone.")
    ] = 0.5,
    legend: Annotated[bool, typer.Option(help="Name the colours below the frame.")] = True,
    rate: Annotated[
        float, typer.Option(min=0.01, help="Frames per second that a folder stands for.")
    ] = 25.0,
) -> None:
    """Segment a video frame by frame with a trained network.

    Runs on the GPU if there is one. Rate and times of the video are kept, its sound is not.
    """
    from fractions import Fraction

    from orchestrator.networks.lookup import find
    from orchestrator.settings import load_settings
    from orchestrator.terminal.live_view import frame_bar
    from vss.inference.prediction import (
        format_speed,
        move_to_best_device,
        predict_video,
        with_frame_size,
    )
    from vss.inference.trained_network import load_trained_network
    from vss.inference.writers import open_writers
    from vss.media.video import open_source

    source = open_source(video, Fraction(rate).limit_denominator(1001))
    trained = find(target, like, load_settings()).trained
    config = with_frame_size(trained.config, size)
    model = move_to_best_device(load_trained_network(trained))
    writers = open_writers(out, masks, source, trained.classes, alpha, legend)
    with frame_bar(source.count) as show:
        done = predict_video(model, config, source, writers, show)
    for writer in writers:
        typer.echo(f"{writer.path}: {done.frames} frames")
    typer.echo(format_speed(done, config, model))


def evaluate(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TRIAL_OR_IMPORTED...",
            help="Trials as for predict, or checkpoints (import-weights writes them).",
        ),
    ],
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="Where a dataset lies; may be repeated."),
    ] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    dataset: Annotated[
        str | None, typer.Option(help="With the same classes (default: the trial's own).")
    ] = None,
    like: Like = None,
    name: Annotated[
        str, typer.Option(help="The experiment; one that is there gets further cells.")
    ] = "evaluation",
    pictures: Annotated[bool, typer.Option(help="Frames of the dataset in the report.")] = True,
) -> None:
    """Score trained or imported networks on a split of a dataset, tracked like a run.

    With --name of a finished experiment they stand in its table, until its spec is submitted
    again. In a spec, a cell with steps 0 and weights FILE does the same for good.
    """
    from rich.console import Console

    from orchestrator.execution.driver import Where, submit
    from orchestrator.ledger.ledger import Ledger
    from orchestrator.networks.evaluation import build_experiment
    from orchestrator.networks.lookup import find_all
    from orchestrator.results.report import print_report
    from orchestrator.settings import data_paths, load_settings

    settings, console = load_settings(), Console()
    found = find_all(targets, like, settings)
    experiment = build_experiment(found, dataset, split, name, Ledger(settings.ledger_url))
    where = Where(settings, data_paths(data or []), in_process=True)
    done = submit(experiment, where, console)
    print_report(experiment.name, settings, pictures, console)
    raise typer.Exit(done.exit_code)


def export(
    target: Target,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.pt2", help="Default: named after the trial, here.")
    ] = None,
    onnx: Annotated[
        bool | None,
        typer.Option("--onnx/--no-onnx", help="Also FILE.onnx (default: if ONNX is installed)."),
    ] = None,
    like: Like = None,
) -> None:
    """Export a trained network as a torch.export program, and as ONNX.

    In fp32, a whole clip in, logits out. What was written is read back and compared; a program
    whose logits differ by more than 1e-3 is refused.
    """
    from orchestrator.networks.lookup import find
    from orchestrator.settings import load_settings
    from vss.inference.export import export_network, format_program, onnx_is_installed

    found = find(target, like, load_settings())
    file = out or Path(f"{found.name}.pt2")
    with_onnx = onnx_is_installed() if onnx is None else onnx
    for program in export_network(found.trained, found.name, file, with_onnx):
        typer.echo(format_program(program))
    typer.echo(f"{file.with_suffix('.json')}: input, classes, colours and what was measured")


def import_weights(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A published checkpoint.")],
    source: Annotated[str, typer.Option("--from", help="tmanet, mmseg or torchvision.")],
    head: Annotated[
        str | None, typer.Option(help="Its decode head, by our name (tmanet: tma).")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Default: FILE with the ending .safetensors.")
    ] = None,
) -> None:
    """Bring a published checkpoint under our names, for `weights` in a spec."""
    from vss.models.published_checkpoints import convert_file

    written, count = convert_file(file, source, head, out)
    typer.echo(f"{written}: {count} tensors; in a spec write weights: {written.name}")
