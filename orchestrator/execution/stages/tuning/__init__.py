"""The stage that searches settings: its samples come first, then the trials of the tuned cells.

`stage` is the stage, `replay` says how far the search of a cell has got, `ray_tune` asks Ray Tune.
"""
