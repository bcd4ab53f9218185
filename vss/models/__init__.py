"""Networks: a backbone for each frame, and a head that predicts logits of the current frame.

`segmenter` builds whole networks; it and `layers.resize` are what most other packages import.
`weights` reads weight files, and `published_checkpoints` converts published ones. Each published
idea has a file in `heads`; heads share `attention`, `pyramid_tokens` and `layers`. Nothing here
knows about datasets.
"""
