"""Trained networks in use: on clips, on streams, on video files, and as exported programs.

`windows` predicts clips in the trial's precision, and `streaming` predicts a video frame by frame;
scoring, training and profiling import these two. `trained_network` reads a finished trial back.
`prediction`, `writers` and `export` serve the commands `predict` and `export`.
"""
