"""The images that `make compose-test` makes where none can be pulled."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from deploy.test.base_images import DEBIAN, POSTGRES

ROOT = Path(__file__).parents[2]


def test_stand_ins_have_the_tags_that_the_service_uses() -> None:
    compose_file = YAML(typ="safe").load(ROOT / "docker-compose.yml")

    assert f"FROM {DEBIAN}" in (ROOT / "Dockerfile").read_text().splitlines()
    assert compose_file["services"]["postgres"]["image"] == POSTGRES


@pytest.mark.slow
def test_stand_in_for_postgresql_has_the_same_base_and_major_version() -> None:
    lines = (ROOT / "deploy" / "test" / "postgres" / "Dockerfile").read_text()

    assert f"FROM {DEBIAN}" in lines
    assert f"postgresql-{POSTGRES.partition(':')[2].partition('.')[0]} " in lines
