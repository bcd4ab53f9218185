"""The graph of what cells take from other cells: as text, and for Mermaid."""

from collections.abc import Iterator
from itertools import islice

from orchestrator.spec.experiment import Experiment
from orchestrator.spec.sources.dependencies import Source, order_cells
from vss.errors import UserError

# Mermaid writes a character that would end a label by its name.
_ENTITIES = str.maketrans(
    {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;"}
)
_MOST_LINES = 500  # a chain of thousands would be indented by megabytes


def draw_tree(experiment: Experiment) -> list[str]:
    """Return lines that show below each cell what starts or learns from it.

    A cell with several sources is below each of them, but what follows from it only once. A large
    tree is cut short.
    """
    lines = list(islice(_draw_lines(experiment), _MOST_LINES + 1))
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = ["... (`plan --json` lists all)"]
    return lines


def _draw_lines(experiment: Experiment) -> Iterator[str]:
    dependents = _dependents(experiment)
    drawn: set[str] = set()
    for root in [cell for cell in dependents if cell not in experiment.dependencies]:
        yield root
        stack = _branches(root, dependents, "")
        while stack:  # a chain may be longer than Python's stack
            cell, source, indent, is_last = stack.pop()
            is_repeated = cell in drawn and cell in dependents
            mark = ", as above" if is_repeated else ""
            yield f"{indent}{'└── ' if is_last else '├── '}{cell} ({_label(source)}){mark}"
            if not is_repeated:
                drawn.add(cell)
                stack += _branches(cell, dependents, indent + ("    " if is_last else "│   "))


def draw_mermaid(experiment: Experiment) -> list[str]:
    """Return the lines of a Mermaid graph, from sources to what depends on them.

    Raises:
        UserError: if no cell depends on another one.
    """
    if not experiment.dependencies:
        raise UserError(
            f"'{experiment.name}' has no graph to draw: no cell has a teacher, or weights of "
            "another cell"
        )
    nodes = {cell: f"c{n}" for n, cell in enumerate(order_cells(experiment.dependencies))}
    return [
        "graph LR",
        *(f'  {node}["{cell.translate(_ENTITIES)}"]' for cell, node in nodes.items()),
        *(
            f'  {nodes[source.cell]} -->|"{_label(source)}"| {nodes[cell]}'
            for cell, source in _edges(experiment)
        ),
    ]


def list_dependencies(experiment: Experiment) -> list[dict[str, object]]:
    """Return the edges of the graph as JSON values."""
    return [
        {"cell": cell, "source": source.cell, "role": source.role, "seed": source.fixed_seed}
        for cell, source in _edges(experiment)
    ]


def _edges(experiment: Experiment) -> Iterator[tuple[str, Source]]:
    for cell, sources in experiment.dependencies.items():
        for source in sources:
            yield cell, source


def _dependents(experiment: Experiment) -> dict[str, list[tuple[str, Source]]]:
    """Return what depends on each cell that something depends on, in the order of the spec."""
    dependents: dict[str, list[tuple[str, Source]]] = {}
    for cell, source in _edges(experiment):
        dependents.setdefault(source.cell, []).append((cell, source))
    return dependents


def _branches(
    cell: str, dependents: dict[str, list[tuple[str, Source]]], indent: str
) -> list[tuple[str, Source, str, bool]]:
    """Return what is drawn directly below a cell, the last branch first."""
    below = dependents.get(cell, [])
    return [
        (name, source, indent, n == len(below)) for n, (name, source) in enumerate(below, start=1)
    ][::-1]


def _label(source: Source) -> str:
    return source.role if source.fixed_seed is None else f"{source.role}, seed {source.fixed_seed}"
