"""The section that shows frames of the dataset."""

from collections.abc import Iterator, Sequence

from reports.figures.clip import choose_clip, draw_clip
from reports.figures.frames import (
    OUTCOMES,
    RankedFrame,
    choose_frames,
    draw_chip,
    draw_panels,
    find_classes,
)
from reports.text.format import escape, first_names, show_figure, signed
from reports.text.page import MAX_PICTURED_CELLS, PICTURES, PICTURES_TEXT, Page
from reports.text.sentences import join

_CLIP = "clip.webp"
_MAX_CLASSES = 40  # in the legend


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
    frameless_cells = [escape(cell) for cell in pictured_cells if not frames[cell]]
    if frameless_cells:
        parts.append(
            f"No frames for {first_names(frameless_cells)}: no seed in common with the baseline, "
            "or no predictions (samples.npz) at that seed."
        )
    if len(others) > MAX_PICTURED_CELLS:
        parts.append(f"Only the first {MAX_PICTURED_CELLS} of {len(others)} cells are shown.")
    chosen_frames = [frame for cell in pictured_cells for frame in frames[cell]]
    opening = [_explain(page), _write_legend(page, chosen_frames), _show_clip(page, pictured_cells)]
    return "\n\n".join(["## Pictures", *filter(None, opening), *parts])


def _explain(page: Page) -> str:
    splits = sorted({run.scored_split for run in page.record.finished if run.scored_split})
    origin = f"Frames of the {join(splits)} split. " if splits else ""
    legend = ", ".join(f"{outcome.colour} = {outcome.meaning}" for outcome in OUTCOMES)
    return (
        f"{origin}Each cell is shown on the frames with its best, median and worst difference from "
        "the baseline, at the lowest seed that both share. Colours of the last panel: "
        f"{legend}."
    )


def _write_legend(page: Page, frames: Sequence[RankedFrame]) -> str:
    """Write the classes that occur, each after a square of its colour."""
    classes = find_classes(page.record, frames)
    chips = []
    for number, (name, colour) in enumerate(list(classes.items())[:_MAX_CLASSES], start=1):
        file = page.folder / PICTURES / f"class-{number}.png"
        file.write_bytes(draw_chip(colour))
        chips.append(f"![]({PICTURES}/{file.name})\N{NO-BREAK SPACE}{escape(name)}")
    more = len(classes) - _MAX_CLASSES
    return f"Classes: {' '.join(chips)}{f' and {more} more' if more > 0 else ''}" if chips else ""


def _show_clip(page: Page, cells: Sequence[str]) -> str:
    """Show the best cell next to the baseline over time, if enough frames are evenly spaced."""
    ranked = [cell for cell in page.study.ranked if cell in cells]
    for cell in ranked:
        if frames := choose_clip(page.record, cell):
            content = draw_clip(page.record, cell, frames)
            if content is None:
                return ""
            (page.folder / PICTURES / _CLIP).write_bytes(content)
            title = f"label, {escape(page.record.baseline)} and {escape(cell)} over time"
            sequence = escape(frames[0].rpartition("/")[0])
            caption = f"{len(frames)} frames of {sequence}: label, baseline, and {escape(cell)}."
            return show_figure(f"{PICTURES}/{_CLIP}", title, caption)
    return ""


def _draw_cell(page: Page, number: int, cell: str, frames: Sequence[RankedFrame]) -> Iterator[str]:
    folder = page.folder / PICTURES
    for frame in frames:
        folder.mkdir(exist_ok=True)
        difference = signed(100 * frame.difference)
        title = f"{escape(cell)}, {frame.rank} frame: {escape(frame.name)} ({difference} points)"
        yield f"**{title}**"
        images = []
        for place, (heading, content) in enumerate(draw_panels(page.record, frame), start=1):
            file = folder / f"{number}-{frame.rank}-{place}.png"
            file.write_bytes(content)
            images.append(f"![{escape(heading)}]({PICTURES}/{file.name})")
        yield " ".join(images)
