"""The graph of what cells take from other cells."""

import pytest

from orchestrator.spec.experiment import Experiment
from orchestrator.spec.file import load_spec
from orchestrator.terminal.plans.dependency_graph import draw_mermaid, draw_tree
from tests.conftest import TINY_SPEC, SpecWriter
from vss.errors import UserError

CELLS = """
cells:
  plain: {head: fcn}
  pre: {head: fcn, steps: 9}
  tuned: {head: fcn, weights: {cell: pre}}
  student: {head: fcn, weights: {cell: pre, part: network, seed: 1}, teacher: tuned,
    distillation_weight: 1}
  'last "one"': {head: fcn, weights: {cell: student}}
"""


@pytest.fixture
def experiment(write_spec: SpecWriter) -> Experiment:
    head, _, _ = TINY_SPEC.partition("cells:")
    return load_spec(write_spec(f"{head}{CELLS}seeds: [0, 1]\n"))


def test_tree_shows_each_cell_below_its_sources(experiment: Experiment) -> None:
    assert draw_tree(experiment) == [
        "pre",
        "├── tuned (backbone)",
        "│   └── student (teacher)",
        '│       └── last "one" (backbone)',
        "└── student (network, seed 1), as above",
    ]


def test_mermaid_has_an_edge_from_each_source(experiment: Experiment) -> None:
    assert draw_mermaid(experiment) == [
        "graph LR",
        '  c0["pre"]',
        '  c1["tuned"]',
        '  c2["student"]',
        '  c3["last #quot;one#quot;"]',
        '  c0 -->|"backbone"| c1',
        '  c1 -->|"teacher"| c2',
        '  c0 -->|"network, seed 1"| c2',
        '  c2 -->|"backbone"| c3',
    ]


def test_spec_without_dependencies_has_no_graph(write_spec: SpecWriter) -> None:
    with pytest.raises(UserError, match="'tiny' has no graph to draw"):
        draw_mermaid(load_spec(write_spec(TINY_SPEC)))


@pytest.mark.slow
def test_long_chain_is_cut_short(write_spec: SpecWriter) -> None:
    head, _, _ = TINY_SPEC.partition("cells:")
    chain = "".join(f"  c{n}: {{head: fcn, weights: {{cell: c{n - 1}}}}}\n" for n in range(1, 2000))
    cells = f"cells:\n  c0: {{head: fcn}}\n{chain}"

    lines = draw_tree(load_spec(write_spec(f"{head}{cells}seeds: [0]\n")))

    assert len(lines) == 501
    assert lines[-1] == "... (`plan --json` lists all)"
