"""The JSON schema of specs."""

import json
from pathlib import Path

from orchestrator.spec.schema import build_json_schema


def test_schema_lists_known_names_but_no_seed() -> None:
    settings = build_json_schema()["$defs"]["settings"]["properties"]

    assert "tma" in settings["head"]["enum"]
    assert "auto" in settings["precision"]["enum"]
    assert "seed" not in settings


def test_committed_schema_is_current() -> None:
    """To update it, run: vss-orch schema > experiments/spec.schema.json"""
    committed = Path(__file__).parents[3] / "experiments" / "spec.schema.json"

    assert json.loads(committed.read_text()) == build_json_schema()
