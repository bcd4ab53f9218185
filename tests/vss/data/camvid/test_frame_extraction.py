"""The past frames of the stills, extracted from raw videos."""

import hashlib
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.vss.data.camvid.conftest import FRAMES, SIZE, STILLS, noise, write_video
from vss.data.camvid.frame_extraction import ExtractionResult, extract_frames
from vss.data.camvid.raw_videos import plan_extraction
from vss.errors import UserError


def extract(root: Path, out: Path, frames_before: int = 4) -> ExtractionResult:
    (task,) = plan_extraction(root, out, frames_before)
    return extract_frames(task)


def difference_from(path: Path, number: int) -> float:
    return float(np.abs(np.asarray(Image.open(path)).astype(int) - noise(number)).mean())


def test_frames_before_each_still_are_written_and_named_like_it(
    release: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    result = extract(release, out, frames_before=3)

    numbers = (7, 8, 9, 17, 18, 19, 21, 32, 33, 34)  # 20 is a still itself
    assert sorted(p.name for p in out.iterdir()) == [f"Seq05VD_f{n:05d}.png" for n in numbers]
    assert max(difference_from(out / f"Seq05VD_f{n:05d}.png", n) for n in numbers) < 12
    assert (result.files_written, result.offset, result.problems) == (10, 0, ())
    assert result.difference < 12


def test_input_is_left_untouched(release: Path, tmp_path: Path) -> None:
    def state() -> dict[Path, tuple[int, str]]:
        files = (path for path in release.rglob("*") if path.is_file())
        return {
            p: (p.stat().st_mtime_ns, hashlib.sha256(p.read_bytes()).hexdigest()) for p in files
        }

    original = state()
    extract(release, tmp_path / "out")

    assert state() == original


def test_second_run_writes_only_missing_frames(release: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    extract(release, out)
    deleted_paths = [out / "Seq05VD_f00009.png", out / "Seq05VD_f00033.png"]
    for path in deleted_paths:
        path.unlink()
    remaining = {path: path.stat().st_mtime_ns for path in out.iterdir()}

    result = extract(release, out)

    assert result.files_written == 2
    assert all(path.exists() for path in deleted_paths)
    assert {path: path.stat().st_mtime_ns for path in remaining} == remaining
    assert difference_from(deleted_paths[1], 33) < 12


def test_complete_sequence_is_not_decoded_again(release: Path, tmp_path: Path) -> None:
    extract(release, tmp_path / "out")
    (task,) = plan_extraction(release, tmp_path / "out", 4)
    decoded: list[int] = []

    assert extract_frames(task, decoded.append).files_written == 0
    assert decoded == []


@pytest.mark.parametrize("first", [1, 3, 5])
def test_constant_offset_of_a_video_is_detected(release: Path, tmp_path: Path, first: int) -> None:
    write_video(release / "videos/Seq05VD_raw.avi", first=first)

    result = extract(release, tmp_path / "out")

    assert (result.offset, result.problems) == (-first, ())
    for number in (6, 9, 16, 21, 34):
        assert difference_from(tmp_path / f"out/Seq05VD_f{number:05d}.png", number) < 12


def test_still_scene_keeps_the_numbers_of_the_names(release: Path, tmp_path: Path) -> None:
    for number in STILLS:
        Image.fromarray(noise(0)).save(release / f"stills/Seq05VD_f{number:05d}.png")
    with av.open(release / "videos/Seq05VD_raw.avi", "w") as container:
        stream = container.add_stream("mpeg4", rate=30, bit_rate=4_000_000)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for _ in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise(0), format="rgb24")))
        container.mux(stream.encode(None))

    assert extract(release, tmp_path / "out").offset == 0


def test_unrelated_video_is_refused_with_the_differences(release: Path, tmp_path: Path) -> None:
    write_video(release / "videos/Seq05VD_raw.avi", seed=1)

    with pytest.raises(UserError, match=r"Seq05VD: the video does not match.*\+0: \d+\.\d"):
        extract(release, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_still_that_does_not_match_the_video_gets_no_frames(release: Path, tmp_path: Path) -> None:
    Image.fromarray(noise(35, seed=1)).save(release / "stills/Seq05VD_f00035.png")

    result = extract(release, tmp_path / "out")

    assert [line.split(":")[0] for line in result.problems] == ["Seq05VD_f00035.png"]
    assert not (tmp_path / "out/Seq05VD_f00034.png").exists()
    assert (tmp_path / "out/Seq05VD_f00021.png").exists()


def test_still_after_the_end_of_the_video_is_named(release: Path, tmp_path: Path) -> None:
    Image.fromarray(noise(90)).save(release / "stills/Seq05VD_f00090.png")
    Image.new("RGB", SIZE).save(release / "labels/Seq05VD_f00090_L.png")

    assert extract(release, tmp_path / "out").problems == (
        "Seq05VD_f00090.png: the video ends before it",
    )


def test_still_of_frame_0_has_no_past(release: Path, tmp_path: Path) -> None:
    Image.fromarray(noise(0)).save(release / "stills/Seq05VD_f00000.png")
    Image.new("RGB", SIZE).save(release / "labels/Seq05VD_f00000_L.png")

    result = extract(release, tmp_path / "out")

    assert (result.offset, result.problems) == (0, ())


def test_output_next_to_the_stills_is_not_mistaken_for_stills(release: Path) -> None:
    still = release / "stills/Seq05VD_f00020.png"
    content = still.read_bytes()

    result = extract(release, release / "stills")
    (task,) = plan_extraction(release, release / "stills", 4)

    assert result.files_written > 0
    assert task.missing == {}
    assert len(task.stills) == len(STILLS)
    assert still.read_bytes() == content


def test_official_video_that_starts_mid_sequence_is_matched_by_its_own_name(
    tmp_path: Path,
) -> None:
    """The video 01TP_extract.avi starts at frame 6660 of 0001TP."""
    root = tmp_path / "release"
    root.mkdir()
    for number in STILLS:
        Image.fromarray(noise(number)).save(root / f"0001TP_{6660 + number:06d}.png")
        Image.new("RGB", SIZE).save(root / f"0001TP_{6660 + number:06d}_L.png")
    write_video(root / "01TP_extract.avi")
    out = tmp_path / "out"

    result = extract(root, out, frames_before=2)

    assert (result.offset, result.problems) == (-6660, ())
    assert difference_from(out / "0001TP_006679.png", 19) < 12
    assert len(list(out.iterdir())) == result.files_written == 7
