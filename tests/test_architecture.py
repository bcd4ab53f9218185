"""Import rules and size limits of the code base."""

import ast
import functools
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("vss", "orchestrator", "reports")
FORBIDDEN_LIBRARIES = {
    "vss": {"ray", "mlflow", "sqlalchemy", "alembic", "typer", "orchestrator", "reports"},
    "reports": {"torch", "torchvision", "ray", "mlflow", "sqlalchemy", "vss", "orchestrator"},
    "orchestrator": set(),
}
# The only folder that may import each of these libraries.
LIBRARY_FOLDERS = {
    "ray": "orchestrator/execution/cluster",
    "mlflow": "orchestrator/tracking",
    "sqlalchemy": "orchestrator/ledger",
    "alembic": "orchestrator/ledger",
    "fsspec": "orchestrator/remote_storage.py",
    "rich": "orchestrator",
    "apprise": "orchestrator/execution/notifications",
    "typer": "orchestrator/cli",
}
# The folders and modules of each package; each may import those to its left.
LAYERS = {
    "vss": (
        "errors", "patience", "untrusted", "catalog", "options", "suggestions", "validation_errors",
        "trial_rules", "trial_config", "trial_log", "saved_state", "trial_directory", "runtime",
        "media", "data", "models", "inference", "scoring", "training", "profiling", "trial",
        "__main__",
    ),
    "orchestrator": (
        "secrecy", "host_names", "remote_storage", "storage", "sqlite_address", "settings", "spec",
        "ledger", "tracking", "stores", "networks", "upkeep", "terminal", "results", "offline",
        "execution", "health", "study", "cli", "__main__",
    ),
    "reports": ("metrics", "records", "analysis", "figures", "text", "formats", "report"),
}  # fmt: skip
# The only imports against this order, with the reason.
UPWARD_IMPORTS = {
    ("vss.trial_rules", "vss.trial_config"): "for type checks only: the rules' argument",
}
LIGHT_MODULES = (
    "orchestrator.__main__",
    "orchestrator.cli.app",
    "orchestrator.cli.data",
    "orchestrator.cli.experiments",
    "orchestrator.cli.names",
    "orchestrator.cli.networks",
    "orchestrator.cli.plan",
    "orchestrator.cli.reports",
    "orchestrator.cli.running",
    "orchestrator.cli.service",
    "orchestrator.cli.upkeep",
    "orchestrator.ledger.entries",
    "orchestrator.offline.export",
    "orchestrator.spec.file",
    "orchestrator.spec.schema",
    "orchestrator.stores",
    "orchestrator.study",
    "orchestrator.terminal.completion",
    "reports",
    "vss.__main__",
    "vss.catalog",
    "vss.trial.file",
    "vss.trial_config",
    "vss.trial_log",
    "vss.untrusted.json_text",
    "vss.untrusted.weights_file",
    "vss.untrusted.yaml_text",
)
HEAVY_LIBRARIES = (
    "torch",
    "torchvision",
    "ray",
    "mlflow",
    "sqlalchemy",
    "pandas",
    "matplotlib",
    "numpy",
)
MAX_LINES = 300
LONG_FILES: dict[str, str] = {}  # file -> the reason
MAX_MODULES = 12


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file) for package in PACKAGES for file in files(package)}


@functools.cache
def imports(file: Path) -> tuple[str, ...]:
    """Return the modules that a file imports, even inside functions or for type checking."""
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                names.append(submodule if submodule in MODULES else node.module)
    return tuple(names)


def downward_imports(file: Path) -> Iterator[str]:
    """Yield the modules that a file imports, without the allowed exceptions."""
    yield from (name for name in imports(file) if (module_name(file), name) not in UPWARD_IMPORTS)


def libraries(file: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(file)}


@pytest.mark.slow
def test_imports_inside_functions_count(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text("def f():\n    from orchestrator.spec import design\n    import ray.tune\n")

    assert imports(file) == ("orchestrator.spec.design", "ray.tune")


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_no_forbidden_libraries(package: str) -> None:
    violations = {
        str(file.relative_to(ROOT)): sorted(libraries(file) & FORBIDDEN_LIBRARIES[package])
        for file in files(package)
        if libraries(file) & FORBIDDEN_LIBRARIES[package]
    }

    assert violations == {}


@pytest.mark.parametrize("library", LIBRARY_FOLDERS)
def test_each_service_library_lives_in_one_folder(library: str) -> None:
    users = [
        file.relative_to(ROOT)
        for package in PACKAGES
        for file in files(package)
        if library in libraries(file)
    ]

    assert users
    assert [str(user) for user in users if not user.is_relative_to(LIBRARY_FOLDERS[library])] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_and_module_has_a_layer(package: str) -> None:
    names = {
        path.stem
        for path in (ROOT / package).iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    }

    assert names == set(LAYERS[package])


@pytest.mark.parametrize("package", PACKAGES)
def test_no_layer_imports_one_above_it(package: str) -> None:
    layers = LAYERS[package]
    upward = []
    for file in files(package):
        for name in downward_imports(file):
            importer, imported = module_name(file).split("."), name.split(".")
            if imported[0] != package or len(importer) == 1 or len(imported) == 1:
                continue
            if layers.index(importer[1]) < layers.index(imported[1]):
                upward.append(f"{'.'.join(importer)} imports {name}")

    assert upward == []


@pytest.mark.parametrize("package", PACKAGES)
def test_there_are_no_import_cycles(package: str) -> None:
    graph = {
        module_name(file): {name for name in downward_imports(file) if name in MODULES}
        for file in files(package)
    }

    graphlib.TopologicalSorter(graph).prepare()  # a CycleError names the modules


def test_light_modules_load_nothing_heavy() -> None:
    """One process imports them all: what the first culprit loads, stays loaded."""
    code = """
import importlib, sys
light, heavy = (words.split() for words in sys.argv[1:])
for module in light:
    importlib.import_module(module)
    print(module, *(library for library in heavy if library in sys.modules))
"""
    words = " ".join(LIGHT_MODULES), " ".join(HEAVY_LIBRARIES)

    process = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
    )

    assert process.stdout.splitlines() == list(LIGHT_MODULES)


@pytest.mark.slow
def test_driver_does_without_pytorch() -> None:
    """It costs a submit two seconds and half a gigabyte."""
    program = "import sys, orchestrator.execution.handover.run; print(*sys.modules)"

    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert "torch" not in process.stdout.split()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_has_a_docstring(package: str) -> None:
    folders = {file.parent for file in files(package)}

    undocumented = [
        str(folder.relative_to(ROOT))
        for folder in sorted(folders)
        if not ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
    ]

    assert undocumented == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_folder_has_too_many_modules(package: str) -> None:
    counts = {
        str(folder.relative_to(ROOT)): len([*folder.glob("*.py")]) - 1
        for folder in {file.parent for file in files(package)}
    }

    assert {folder: count for folder, count in counts.items() if count > MAX_MODULES} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_is_long_without_a_reason(package: str) -> None:
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in files(package)
    }

    too_long = {file: lines for file, lines in lengths.items() if lines > MAX_LINES}
    assert {file: lines for file, lines in too_long.items() if file not in LONG_FILES} == {}


def test_reasons_for_long_files_are_still_needed() -> None:
    obsolete = [
        file for file in LONG_FILES if len((ROOT / file).read_text().splitlines()) <= MAX_LINES
    ]

    assert obsolete == []


def test_exceptions_to_the_import_order_are_still_needed() -> None:
    existing = {
        (module_name(file), name)
        for package in PACKAGES
        for file in files(package)
        for name in imports(file)
    }

    assert UPWARD_IMPORTS.keys() - existing == set()
