"""Augmentation: random geometry and colours, drawn per clip and applied on the device.

`vss.data.batches` uses `transforms`, which applies the distortions of `photometric`.
"""
