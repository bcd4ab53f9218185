"""The check that cells fit what they take from other cells, before anything is trained.

Networks are built on the meta device, which stores and computes nothing.
"""

import torch
from torch import nn

from orchestrator.networks.time_estimate import speed_key
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.sources.dependencies import Source
from vss import catalog
from vss.errors import UserError
from vss.models.segmenter import VideoSegmenter, adapt_auxiliary, build_model
from vss.models.weights import describe_misfits
from vss.training.distillation import load_teacher
from vss.trial_config import TrialConfig
from vss.untrusted.messages import excerpt_name

_MOST_PAIRS = 200  # of networks that are built; a trial checks its own sources, too


def check_sources(experiment: Experiment) -> None:
    """Check that weights fit, and that students can learn from their teachers.

    Raises:
        UserError: naming the two cells, what does not fit and the remedy.
    """
    checked: set[tuple[str, ...]] = set()  # thousands of cells may have a few networks
    for cell, sources in experiment.dependencies.items():
        for source in sources:
            config, other = experiment.cells[cell], experiment.cells[source.cell]
            kind = (source.role, _describe_network(config), _describe_network(other))
            if kind in checked or len(checked) == _MOST_PAIRS:
                continue
            checked.add(kind)
            problem = _find_problem(source, config, other)
            if problem is not None:
                raise UserError(
                    f"cell '{excerpt_name(cell)}' cannot {_verb(source)} "
                    f"'{excerpt_name(source.cell)}': {problem}"
                )


def _describe_network(config: TrialConfig) -> str:
    """Return what decides whether a network fits another one, as a text that can be a key."""
    is_trained, has_auxiliary = config.steps > 0, config.auxiliary_weight > 0
    return f"{speed_key(config.settings())} {is_trained} {has_auxiliary}"


def _find_problem(source: Source, config: TrialConfig, other: TrialConfig) -> str | None:
    """Return why a cell cannot use a source, or None if it can."""
    if source.setting == "teacher":
        return _find_problem_of_teacher(config, other)
    if source.part == "backbone":
        return _find_problem_of_backbone(config, other)
    problem = _find_problem_of_network(config, other)
    return problem or _compare(_build(config), _build(other))


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
    return misfits and (
        "write part: backbone, or give both the same head and backbone, as its weights do not fit "
        f"this cell's network: {misfits}"
    )


def _build(config: TrialConfig) -> VideoSegmenter:
    with torch.device("meta"):
        return build_model(config.model_copy(update={"weights": "none"}))


def _build_backbone(config: TrialConfig) -> nn.Module:
    build = catalog.resolve(catalog.BACKBONES[config.backbone].build)
    with torch.device("meta"):
        backbone: nn.Module = build(config.width, config.output_stride)
    return backbone
