"""Images and video, in and out: reading, scaling, drawing, encoding. Imports no torch.

Any module of vss may import from here; nothing here knows about datasets or networks.
"""
