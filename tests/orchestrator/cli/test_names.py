"""Commands that list the settings and names of specs."""

import json
from pathlib import Path
from typing import Any


def test_names_lists_settings_and_choices(run: Any) -> None:
    text, content = run("names").out, run("names", "--json").json

    assert {"head", "backbone", "dataset", "optimizer", "schedule"} <= set(content)
    assert "position_code" in content["head"]["tma"]["options"]
    assert "share_slots (default false)" in text
    assert "dataset_file (required)" in text
    assert "memory_length          past frames that the head reads (required)" in text
    assert content["settings"]["memory_length"]["required"]


def test_committed_schema_equals_the_printed_one(run: Any) -> None:
    committed = Path(__file__).parents[3] / "experiments" / "spec.schema.json"

    assert json.loads(committed.read_text()) == run("schema").json, (
        "run: vss-orch schema > experiments/spec.schema.json"
    )
