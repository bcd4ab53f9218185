"""The check that cells fit what they take from other cells, before anything is trained.

Networks are built on the meta device, which stores and computes nothing.
"""

from collections.abc import Mapping
from functools import cache, partial

import torch
from torch import nn

from orchestrator.spec.experiment import Experiment
from orchestrator.spec.sources.dependencies import Source
from vss import catalog
from vss.errors import UserError
from vss.models.segmenter import VideoSegmenter, adapt_auxiliary, build_model
from vss.models.weights import describe_misfits
from vss.training.distillation import load_teacher
from vss.trial_config import TrialConfig


def check_sources(experiment: Experiment) -> None:
    """Check that weights fit, and that students can learn from their teachers.

    Raises:
        UserError: naming the two cells, what does not fit and the remedy.
    """
    build = cache(partial(_build, experiment.cells))
    for cell, sources in experiment.dependencies.items():
        for source in sources:
            config, other = experiment.cells[cell], experiment.cells[source.cell]
            if source.setting == "teacher":
                problem = _find_problem_of_teacher(config, other)
            elif source.part == "backbone":
                problem = _find_problem_of_backbone(config, other)
            else:
                problem = _find_problem_of_network(config, other)
                problem = problem or _compare(build(cell), build(source.cell))
            if problem is not None:
                raise UserError(f"cell '{cell}' cannot {_verb(source)} '{source.cell}': {problem}")


def _verb(source: Source) -> str:
    return "learn from" if source.setting == "teacher" else f"start from the {source.part} of"


def _find_problem_of_teacher(config: TrialConfig, teacher: TrialConfig) -> str | None:
    try:
        with torch.device("meta"):
            load_teacher(teacher, config, None)
    except UserError as error:
        return str(error)
    return None


def _find_problem_of_backbone(config: TrialConfig, other: TrialConfig) -> str | None:
    if describe_misfits(_build_backbone(config), _build_backbone(other).state_dict()) is None:
        return None
    return (
        f"that is a {other.backbone} of width {other.width}, this cell has a {config.backbone} of "
        f"width {config.width}; give both the same backbone and width"
    )


def _find_problem_of_network(config: TrialConfig, other: TrialConfig) -> str | None:
    """Compare the classes, which matter even if they are as many where nothing is trained."""
    counts = [len(other.class_names), len(config.class_names)]
    if counts[0] != counts[1]:
        return (
            f"that predicts {counts[0]} classes, this cell {counts[1]}; write part: backbone to "
            "leave out the head"
        )
    if config.steps == 0 and other.class_names != config.class_names:
        return (
            f"nothing is trained in 0 steps, and the classes of {other.dataset} are not those of "
            f"{config.dataset}; set steps above 0"
        )
    return None


def _compare(model: VideoSegmenter, other: VideoSegmenter) -> str | None:
    misfits = describe_misfits(model, adapt_auxiliary(other.state_dict(), model))
    return misfits and f"{misfits}; write part: backbone, or give both the same head and backbone"


def _build(cells: Mapping[str, TrialConfig], cell: str) -> VideoSegmenter:
    with torch.device("meta"):
        return build_model(cells[cell].model_copy(update={"weights": "none"}))


def _build_backbone(config: TrialConfig) -> nn.Module:
    build = catalog.resolve(catalog.BACKBONES[config.backbone].build)
    with torch.device("meta"):
        backbone: nn.Module = build(config.width, config.output_stride)
    return backbone
