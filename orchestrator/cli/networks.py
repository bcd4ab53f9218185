"""Commands for trained networks: run them on video, score, export and convert them."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import DataPaths, Pictures
from orchestrator.cli.output import console, echo
from orchestrator.terminal.completion import complete_experiment, complete_trial
from vss.errors import UserError

app = typer.Typer()
Target = Annotated[
    str,
    typer.Argument(
        metavar="NETWORK",
        autocompletion=complete_trial,
        help="EXPERIMENT:CELL:SEED, a trial_id or a prefix of it, an MLflow run id, a trial "
        "directory or a checkpoint file.",
    ),
]
Like = Annotated[
    str | None,
    typer.Option(
        metavar="SPEC:CELL", help="For a checkpoint file: the cell that defines its network."
    ),
]


@app.command()
def predict(
    target: Target,
    video: Annotated[
        Path,
        typer.Argument(metavar="VIDEO_OR_FOLDER", help="A video, or a folder of frames."),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="PATH",
            help="An overlay video (.mp4, .mkv), or a folder for PNGs of class indices.",
        ),
    ],
    masks: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also write PNGs of class indices into this folder."),
    ] = None,
    like: Like = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="WIDTHxHEIGHT", help="Resize frames to this size (default: the trial's)."
        ),
    ] = None,
    alpha: Annotated[
        float, typer.Option(min=0, max=1, help="Opacity of the class colours over the frame.")
    ] = 0.5,
    legend: Annotated[bool, typer.Option(help="Add a legend below the frame.")] = True,
    rate: Annotated[
        float, typer.Option(min=0.01, max=1000, help="Frame rate to assume for a folder of frames.")
    ] = 25.0,
) -> None:
    """Segment a video frame by frame with a trained network.

    Runs on the GPU if there is one. Keeps the frame rate and timestamps, but drops the sound.
    """
    from fractions import Fraction

    from orchestrator.networks.lookup import check_target, find_network
    from orchestrator.settings import load_settings

    settings = load_settings()
    check_target(target, settings, is_one=True)  # before imports that take seconds
    if not video.exists():
        raise UserError(f"cannot read {video} as a video: no such file or directory")
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
    trained = find_network(target, like, settings).trained
    config = with_frame_size(trained.config, size)
    model = move_to_best_device(load_trained_network(trained))
    writers = open_writers(out, masks, source, trained.classes, alpha, legend)
    with frame_bar(source.count) as show:
        prediction = predict_video(model, config, source, writers, show)
    for writer in writers:
        echo(f"{writer.path}: {prediction.frames} frames")
    echo(format_speed(prediction, config, model))


@app.command()
def evaluate(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="NETWORK",
            autocompletion=complete_trial,
            help="Networks as for predict, including checkpoint files from import-weights; "
            "EXPERIMENT:CELL scores all seeds of the cell.",
        ),
    ],
    data: DataPaths = None,
    split: Annotated[str, typer.Option(help="Split to score on: train, val or test.")] = "test",
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Dataset to score on, with the same classes (default: the trial's).",
        ),
    ] = None,
    like: Like = None,
    name: Annotated[
        str,
        typer.Option(
            metavar="EXPERIMENT",
            autocompletion=complete_experiment,
            help="Experiment to add the cells to; created if it does not exist.",
        ),
    ] = "evaluation",
    pictures: Pictures = True,
) -> None:
    """Score trained or converted networks on a split of a dataset, and record them like trials.

    With --name EXPERIMENT, they are added to the table of that finished experiment until its spec
    is next submitted. To keep them, add a cell with `steps: 0` and `weights: FILE` to the spec.
    """
    from orchestrator.networks.lookup import check_target, find_networks
    from orchestrator.settings import load_settings, parse_data_paths
    from orchestrator.spec.limits import check_experiment_name
    from orchestrator.stores import Stores

    check_experiment_name(name)
    settings, paths = load_settings(), parse_data_paths(data or [])
    for target in targets:  # before imports that take seconds
        check_target(target, settings)
    from orchestrator.execution.driver import RunTarget, submit
    from orchestrator.networks.evaluation import build_evaluation
    from orchestrator.results.report import print_report

    screen = console()
    networks = find_networks(targets, like, settings)
    stores = Stores(settings)
    experiment = build_evaluation(networks, dataset, split, name, stores.ledger)
    run_target = RunTarget(settings, paths, in_process=True)
    submission = submit(experiment, run_target, stores, screen)
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
    from orchestrator.networks.lookup import check_target, find_network
    from orchestrator.settings import load_settings

    settings = load_settings()
    check_target(target, settings, is_one=True)  # before imports that take seconds
    from vss.inference.export import export_network, format_program, onnx_is_installed

    network = find_network(target, like, settings)
    file = out or Path(f"{network.name}.pt2")
    str(file).encode()  # PyTorch writes to no name that is not UTF-8, and does not say so
    with_onnx = onnx_is_installed() if onnx is None else onnx
    for program in export_network(network.trained, network.name, file, with_onnx):
        echo(format_program(program))
    echo(f"{file.with_suffix('.json')}: input, classes, colours and measurements")


@app.command()
def import_weights(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A published checkpoint.")],
    source: Annotated[
        str, typer.Option("--from", help="Origin of the checkpoint: tmanet, mmseg or torchvision.")
    ],
    head: Annotated[
        str | None,
        typer.Option(help="Name of its decode head in `vss-orch names` (default for tmanet: tma)."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File to write (default: FILE as .safetensors)."),
    ] = None,
) -> None:
    """Convert a published checkpoint to vss parameter names, for `weights` in a spec."""
    from vss.untrusted.limited_file import open_limited
    from vss.untrusted.weights_file import LIMIT

    with open_limited(file, "weights", LIMIT):  # before imports that take seconds
        pass
    from vss.models.published_checkpoints import convert_file

    path, count = convert_file(file, source, head, out)
    echo(f"{path}: {count} tensors; in a spec, write weights: {path.name}")
