"""Past frames are cut out of raw videos, those that belong to the stills and no others."""

import hashlib
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from vss.data.camvid.raw_videos import Done, camvid_tasks, extract
from vss.errors import UserError

FRAMES, SIZE = 40, (64, 48)
STILLS = (10, 20, 22, 35)


def picture(number: int, seed: int = 0) -> np.ndarray:
    """Coarse noise of its own for every frame: compression keeps it, neighbours differ."""
    rng = np.random.default_rng([seed, number])
    coarse = rng.integers(0, 256, (SIZE[1] // 16, SIZE[0] // 16, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((16, 16, 1), dtype=np.uint8))


def write_video(path: Path, seed: int = 0, first: int = 0) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=30, bit_rate=4_000_000)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(first, FRAMES):
            frame = av.VideoFrame.from_ndarray(picture(number, seed), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """An official release of one sequence: stills, labels and a video."""
    root = tmp_path / "release"
    for folder in ("stills", "labels", "videos"):
        (root / folder).mkdir(parents=True)
    for number in STILLS:
        Image.fromarray(picture(number)).save(root / f"stills/Seq05VD_f{number:05d}.png")
        Image.new("RGB", SIZE).save(root / f"labels/Seq05VD_f{number:05d}_L.png")
    write_video(root / "videos/Seq05VD_raw.avi")
    return root


def prepare(root: Path, out: Path, before: int = 4) -> Done:
    (task,) = camvid_tasks(root, out, before)
    return extract(task)


def difference_to(path: Path, number: int) -> float:
    return float(np.abs(np.asarray(Image.open(path)).astype(int) - picture(number)).mean())


def test_frames_before_each_still_are_written_under_its_naming(
    release: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    done = prepare(release, out, before=3)

    numbers = (7, 8, 9, 17, 18, 19, 21, 32, 33, 34)  # 20 is a still itself
    assert sorted(p.name for p in out.iterdir()) == [f"Seq05VD_f{n:05d}.png" for n in numbers]
    assert max(difference_to(out / f"Seq05VD_f{n:05d}.png", n) for n in numbers) < 12
    assert (done.written, done.offset, done.refused) == (10, 0, ())
    assert done.difference < 12


def test_input_is_left_alone(release: Path, tmp_path: Path) -> None:
    def state() -> dict[Path, tuple[int, str]]:
        files = (path for path in release.rglob("*") if path.is_file())
        return {
            p: (p.stat().st_mtime_ns, hashlib.sha256(p.read_bytes()).hexdigest()) for p in files
        }

    before = state()
    prepare(release, tmp_path / "out")

    assert state() == before


def test_second_run_writes_only_what_is_missing(release: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare(release, out)
    lost = [out / "Seq05VD_f00009.png", out / "Seq05VD_f00033.png"]
    for path in lost:
        path.unlink()
    kept = {path: path.stat().st_mtime_ns for path in out.iterdir()}

    done = prepare(release, out)

    assert done.written == 2
    assert all(path.exists() for path in lost)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert difference_to(lost[1], 33) < 12


def test_complete_sequence_is_not_decoded_again(release: Path, tmp_path: Path) -> None:
    prepare(release, tmp_path / "out")
    (task,) = camvid_tasks(release, tmp_path / "out", 4)
    told: list[int] = []

    assert extract(task, told.append).written == 0
    assert told == []


@pytest.mark.parametrize("first", [1, 3, 5])
def test_constant_offset_of_a_video_is_found(release: Path, tmp_path: Path, first: int) -> None:
    write_video(release / "videos/Seq05VD_raw.avi", first=first)

    done = prepare(release, tmp_path / "out")

    assert (done.offset, done.refused) == (-first, ())
    for number in (6, 9, 16, 21, 34):
        assert difference_to(tmp_path / f"out/Seq05VD_f{number:05d}.png", number) < 12


def test_standing_scene_keeps_the_numbers_of_the_names(release: Path, tmp_path: Path) -> None:
    for number in STILLS:
        Image.fromarray(picture(0)).save(release / f"stills/Seq05VD_f{number:05d}.png")
    with av.open(release / "videos/Seq05VD_raw.avi", "w") as container:
        stream = container.add_stream("mpeg4", rate=30, bit_rate=4_000_000)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for _ in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(0), format="rgb24")))
        container.mux(stream.encode(None))

    assert prepare(release, tmp_path / "out").offset == 0


def test_unrelated_video_is_refused_with_the_differences(release: Path, tmp_path: Path) -> None:
    write_video(release / "videos/Seq05VD_raw.avi", seed=1)

    with pytest.raises(UserError, match=r"Seq05VD: its video does not show.*\+0: \d+\.\d"):
        prepare(release, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_still_that_the_video_does_not_show_gets_no_frames(release: Path, tmp_path: Path) -> None:
    Image.fromarray(picture(35, seed=1)).save(release / "stills/Seq05VD_f00035.png")

    done = prepare(release, tmp_path / "out")

    assert [line.split(":")[0] for line in done.refused] == ["Seq05VD_f00035.png"]
    assert not (tmp_path / "out/Seq05VD_f00034.png").exists()
    assert (tmp_path / "out/Seq05VD_f00021.png").exists()


def test_still_after_the_end_of_the_video_is_named(release: Path, tmp_path: Path) -> None:
    Image.fromarray(picture(90)).save(release / "stills/Seq05VD_f00090.png")
    Image.new("RGB", SIZE).save(release / "labels/Seq05VD_f00090_L.png")

    assert prepare(release, tmp_path / "out").refused == (
        "Seq05VD_f00090.png: the video ends before it",
    )


def test_still_of_frame_0_has_no_past(release: Path, tmp_path: Path) -> None:
    Image.fromarray(picture(0)).save(release / "stills/Seq05VD_f00000.png")
    Image.new("RGB", SIZE).save(release / "labels/Seq05VD_f00000_L.png")

    done = prepare(release, tmp_path / "out")

    assert (done.offset, done.refused) == (0, ())


def test_missing_video_is_named(release: Path, tmp_path: Path) -> None:
    (release / "videos/Seq05VD_raw.avi").rename(release / "videos/other.avi")

    with pytest.raises(UserError, match="Seq05VD needs one video .* found none"):
        camvid_tasks(release, tmp_path / "out", 4)


def test_folder_without_labelled_stills_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no labelled still"):
        camvid_tasks(tmp_path, tmp_path.parent / "out", 4)


def test_output_may_lie_beside_the_stills_and_is_taken_for_none(release: Path) -> None:
    still = release / "stills/Seq05VD_f00020.png"
    content = still.read_bytes()

    done = prepare(release, release / "stills")
    (again,) = camvid_tasks(release, release / "stills", 4)

    assert done.written > 0
    assert again.wanted == {}
    assert len(again.stills) == len(STILLS)
    assert still.read_bytes() == content


def test_official_video_that_begins_in_the_middle_is_found_by_its_own_name(tmp_path: Path) -> None:
    """01TP_extract.avi begins at 6660 of 0001TP."""
    root = tmp_path / "release"
    root.mkdir()
    for number in STILLS:
        Image.fromarray(picture(number)).save(root / f"0001TP_{6660 + number:06d}.png")
        Image.new("RGB", SIZE).save(root / f"0001TP_{6660 + number:06d}_L.png")
    write_video(root / "01TP_extract.avi")
    out = tmp_path / "out"

    done = prepare(root, out, before=2)

    assert (done.offset, done.refused) == (-6660, ())
    assert difference_to(out / "0001TP_006679.png", 19) < 12
    assert len(list(out.iterdir())) == done.written == 7
