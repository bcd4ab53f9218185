"""Images and video, in and out: reading, scaling, drawing, encoding. Imports no torch.

Any module of vss may import from this package, which knows nothing about datasets or networks.
"""
