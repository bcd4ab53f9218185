"""Settings that a spec may omit."""

from pathlib import Path

from tests.orchestrator.spec.conftest import BASE, SpecLoader

ARCHIVE = b"PK\x03\x04 and so on"  # all that is looked at before a trial starts


def test_image_heads_may_omit_both_memory_settings(load: SpecLoader) -> None:
    base = BASE.replace("  memory_length: 1\n", "").replace("  include_current_frame: false\n", "")

    config = load("cells: {image: {head: fcn}}", base).cells["image"]

    assert (config.memory_length, config.include_current_frame) == (0, False)


def test_omitted_precision_follows_from_the_device(load: SpecLoader) -> None:
    base = BASE.replace("  precision: fp32\n", "")

    assert load("cells: {a: {}}", base).cells["a"].precision in ("fp32", "bf16")
    gpu = load("cells: {a: {}}\nresources: {gpus: 1}", base)
    assert gpu.cells["a"].precision == "bf16"


def test_weights_are_identified_by_their_digest_and_not_by_their_path(
    load: SpecLoader, tmp_path: Path
) -> None:
    for name in ("one.pth", "two.pth"):
        (tmp_path / name).write_bytes(ARCHIVE)

    experiment = load("cells: {a: {weights: one.pth}, b: {weights: two.pth}}")

    assert list(experiment.cells) == ["a"]
    assert experiment.cells["a"].weights.startswith("sha256:")
    assert next(iter(experiment.files_by_digest.values())).read_bytes() == ARCHIVE
