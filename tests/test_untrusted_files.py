"""Nothing untrusted is unpickled, in any of our packages."""

import ast
import functools
from pathlib import Path

import pytest

from tests.test_architecture import imports

ROOT = Path(__file__).parent.parent
FILES = sorted(file for package in ("vss", "orchestrator", "reports", "benchmarks")
               for file in (ROOT / package).rglob("*.py"))  # fmt: skip
# What keeps each reader from executing what a file says.
SAFE_ARGUMENTS = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False)}
UNSAFE_MODULES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


@functools.cache
def calls(file: Path) -> list[tuple[str, ast.Call]]:
    """Return the calls in a file with the source of the function that each one calls."""
    nodes = ast.walk(ast.parse(file.read_text()))
    return [(ast.unparse(node.func), node) for node in nodes if isinstance(node, ast.Call)]


@pytest.mark.slow
@pytest.mark.parametrize("function", SAFE_ARGUMENTS)
def test_every_reader_says_that_it_executes_nothing(function: str) -> None:
    name, value = SAFE_ARGUMENTS[function]
    readers = [(file, call) for file in FILES for called, call in calls(file)
               if called == function]  # fmt: skip

    unsafe = [
        f"{file.relative_to(ROOT)}:{call.lineno}"
        for file, call in readers
        if not any(
            word.arg == name and ast.unparse(word.value) == str(value) for word in call.keywords
        )
    ]

    assert readers
    assert unsafe == []


def test_no_module_that_executes_what_it_reads_is_imported() -> None:
    imported = {
        (str(file.relative_to(ROOT)), name)
        for file in FILES
        for name in imports(file)
        if name.partition(".")[0] in UNSAFE_MODULES
    }

    assert imported == set()


@pytest.mark.slow
def test_yaml_is_read_in_one_place_only() -> None:
    readers = {
        str(file.relative_to(ROOT))
        for file in FILES
        for called, _ in calls(file)
        if called.startswith("yaml.") and not any(word in called for word in ("Error", "dump"))
    }

    assert readers <= {"vss/untrusted/yaml_text.py"}
