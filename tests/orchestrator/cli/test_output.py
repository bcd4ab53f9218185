"""Output helpers of commands."""

import json
import math

import pytest

from orchestrator.cli.output import print_json


def test_numbers_that_are_not_finite_are_printed_as_valid_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_json({"cells": [(math.nan, math.inf, -math.inf, 0.5)], "name": "a"})

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    content = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert content == {"cells": [[None, "Infinity", "-Infinity", 0.5]], "name": "a"}
