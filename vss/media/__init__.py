"""Images and video, in and out: reading, scaling, drawing, encoding. Imports no torch.

Everything here may be imported from anywhere in vss; nothing here knows of datasets or networks.
"""
