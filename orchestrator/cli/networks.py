"""Commands for trained networks: use them on video, score them, export them, convert them."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import DataPaths, Pictures
from orchestrator.cli.output import console

app = typer.Typer()
Target = Annotated[
    str,
    typer.Argument(
        metavar="RUN_OR_TRIAL",
        help="A trial_id or a prefix of it, an MLflow run id, a trial directory or a checkpoint.",
    ),
]
Like = Annotated[
    str | None,
    typer.Option(metavar="SPEC:CELL", help="The cell whose network a checkpoint file holds."),
]


@app.command()
def predict(
    target: Target,
    video: Annotated[
        Path,
        typer.Argument(metavar="VIDEO_OR_FOLDER", help="A video, or a folder of frames."),
    ],
    out: Annotated[
        Path, typer.Option(help="An overlay video (.mp4, .mkv), or a folder for index PNGs.")
    ],
    masks: Annotated[
        Path | None, typer.Option(help="A folder for index PNGs, beside the video.")
    ] = None,
    like: Like = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="WIDTHxHEIGHT", help="Size of the input (default: the trial's)."),
    ] = None,
    alpha: Annotated[
        float, typer.Option(min=0, max=1, help="Opacity of the classes over the frame.")
    ] = 0.5,
    legend: Annotated[bool, typer.Option(help="Name the colours below the frame.")] = True,
    rate: Annotated[
        float, typer.Option(min=0.01, help="Frames per second of a folder of frames.")
    ] = 25.0,
) -> None:
    """Segment a video frame by frame with a trained network.

    Runs on the GPU if there is one. Keeps the video's rate and times, but not its sound.
    """
    from fractions import Fraction

    from orchestrator.networks.lookup import find
    from orchestrator.settings import load_settings
    from orchestrator.terminal.progress_bar import frame_bar
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
        prediction = predict_video(model, config, source, writers, show)
    for writer in writers:
        typer.echo(f"{writer.path}: {prediction.frames} frames")
    typer.echo(format_speed(prediction, config, model))


@app.command()
def evaluate(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TRIAL_OR_FILE...",
            help="Trials as for predict, or checkpoint files, such as import-weights writes.",
        ),
    ],
    data: DataPaths = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    dataset: Annotated[
        str | None, typer.Option(help="A dataset with the same classes (default: the trial's).")
    ] = None,
    like: Like = None,
    name: Annotated[
        str, typer.Option(help="The experiment; if it exists, the cells are added.")
    ] = "evaluation",
    pictures: Pictures = True,
) -> None:
    """Score trained or converted networks on a split of a dataset, and record them like any trial.

    With the --name of a finished experiment, they join its table until its spec is submitted
    again. To keep them there, add a cell with steps 0 and weights FILE to the spec.
    """
    from orchestrator.execution.driver import RunTarget, submit
    from orchestrator.networks.evaluation import build_evaluation
    from orchestrator.networks.lookup import find_all
    from orchestrator.results.report import print_report
    from orchestrator.settings import load_settings, parse_data_paths
    from orchestrator.stores import Stores

    settings, screen = load_settings(), console()
    networks = find_all(targets, like, settings)
    stores = Stores(settings)
    experiment = build_evaluation(networks, dataset, split, name, stores.ledger)
    target = RunTarget(settings, parse_data_paths(data or []), in_process=True)
    submission = submit(experiment, target, stores, screen)
    print_report(experiment.name, stores, settings, pictures, screen)
    raise typer.Exit(submission.exit_code)


@app.command()
def export(
    target: Target,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.pt2", help="File to write (default: TRIAL_ID.pt2)."),
    ] = None,
    onnx: Annotated[
        bool | None,
        typer.Option("--onnx/--no-onnx", help="Also write FILE.onnx (default: if installed)."),
    ] = None,
    like: Like = None,
) -> None:
    """Export a trained network as a torch.export program, and as ONNX.

    The program runs in fp32 and takes a whole clip. It is read back and compared with the network;
    if any logit differs by more than 1e-3, the export fails.
    """
    from orchestrator.networks.lookup import find
    from orchestrator.settings import load_settings
    from vss.inference.export import export_network, format_program, onnx_is_installed

    network = find(target, like, load_settings())
    file = out or Path(f"{network.name}.pt2")
    with_onnx = onnx_is_installed() if onnx is None else onnx
    for program in export_network(network.trained, network.name, file, with_onnx):
        typer.echo(format_program(program))
    typer.echo(f"{file.with_suffix('.json')}: input, classes, colours and measurements")


@app.command()
def import_weights(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A published checkpoint.")],
    source: Annotated[str, typer.Option("--from", help="tmanet, mmseg or torchvision.")],
    head: Annotated[
        str | None, typer.Option(help="Our name for its decode head (tmanet: tma).")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write (default: FILE as .safetensors).")
    ] = None,
) -> None:
    """Convert a published checkpoint to our parameter names, for `weights` in a spec."""
    from vss.models.published_checkpoints import convert_file

    converted, count = convert_file(file, source, head, out)
    typer.echo(f"{converted}: {count} tensors; in a spec, write weights: {converted.name}")
