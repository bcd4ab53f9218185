"""What trials are called: by their cell, and by their seed or the number of their sample."""


def name_trial(cell: str, seed: int, sample: int | None) -> str:
    """Return what messages call a trial: its cell, and its seed or the number of its sample."""
    return f"{cell}, seed {seed}" if sample is None else f"{cell}, sample {sample}"


def label_trial(seed: int, sample: int | None) -> str:
    """Return what follows the cell in the name of a trial: "0", or "sample 0" in a search."""
    return str(seed) if sample is None else f"sample {sample}"
