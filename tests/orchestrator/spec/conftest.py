"""A loader of specs for tests that write only the part they are about."""

import textwrap
from collections.abc import Callable

import pytest

from orchestrator.spec.experiment import Experiment
from orchestrator.spec.file import load_spec
from tests.conftest import SpecWriter

BASE = """
name: study
base:
  dataset: synthetic
  frame_width: 96
  frame_height: 64
  backbone: resnet18
  head: tma
  memory_length: 1
  include_current_frame: false
  steps: 300
  batch_size: 8
  optimizer: adamw
  learning_rate: 1e-3
  precision: fp32
"""

SpecLoader = Callable[..., Experiment]


@pytest.fixture
def load(write_spec: SpecWriter) -> SpecLoader:
    """Return a function that loads a spec: a base, and the rest that a test writes."""

    def load_rest(rest: str, base: str = BASE) -> Experiment:
        rest = textwrap.dedent(rest)
        seeds = "" if "seeds:" in rest else "seeds: [0, 1]\n"
        return load_spec(write_spec(base + seeds + rest))

    return load_rest
