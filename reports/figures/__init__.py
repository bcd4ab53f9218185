"""The figures of a report: one module each, drawn from plain numbers into a PNG.

`text` imports the `draw_*` functions and their points and bars, and from `frames` the choice of
frames. `style` and `label_placement` are for figures only.
"""
