"""The section that shows frames of the dataset."""

from collections.abc import Iterator, Sequence

from reports.figures.frames import OUTCOMES, RankedFrame, choose_frames, draw_frame
from reports.text.format import escape, first_names, signed
from reports.text.page import MAX_PICTURED_CELLS, PICTURES, PICTURES_TEXT, Page


def write_pictures(page: Page) -> str:
    """Write the section and its pictures, or return the section that the folder already contains.

    Samples are not saved with a report, so a rebuilt report reuses its pictures.
    """
    if not page.pictures:
        return ""
    file = page.folder / PICTURES / PICTURES_TEXT
    if file.is_file() and not file.is_symlink():
        return file.read_text(encoding="utf-8")
    text = _draw(page)
    if text:
        file.write_text(text, encoding="utf-8")
    return text


def _draw(page: Page) -> str:
    others = [cell for cell in page.record.cells if cell != page.record.baseline]
    pictured_cells = others[:MAX_PICTURED_CELLS]
    frames = {cell: choose_frames(page.record, cell) for cell in pictured_cells}
    parts = [
        part
        for number, cell in enumerate(pictured_cells, start=1)
        for part in _draw_cell(page, number, cell, frames[cell])
    ]
    if not parts:
        return ""
    legend = ", ".join(f"{outcome.colour} = {outcome.meaning}" for outcome in OUTCOMES)
    rule = (
        "Each cell is shown on the frames with its best, median and worst difference from the "
        f"baseline, at the lowest seed that both share. Colours of the last panel: {legend}."
    )
    frameless_cells = [escape(cell) for cell in pictured_cells if not frames[cell]]
    if frameless_cells:
        parts.append(
            f"No frames for {first_names(frameless_cells)}: no seed in common with the baseline, "
            "or no predictions (samples.npz) at that seed."
        )
    if len(others) > MAX_PICTURED_CELLS:
        parts.append(f"Only the first {MAX_PICTURED_CELLS} of {len(others)} cells are shown.")
    return "\n\n".join(["## Pictures", rule, *parts])


def _draw_cell(page: Page, number: int, cell: str, frames: Sequence[RankedFrame]) -> Iterator[str]:
    folder = page.folder / PICTURES
    for frame in frames:
        folder.mkdir(exist_ok=True)
        file = folder / f"{number}-{frame.rank}.png"
        file.write_bytes(draw_frame(page.record, frame))
        difference = signed(100 * frame.difference)
        title = f"{escape(cell)}, {frame.rank} frame: {escape(frame.name)} ({difference} points)"
        yield f"**{title}**"
        yield f"![{title}]({PICTURES}/{file.name})"
