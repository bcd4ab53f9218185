"""Networks: a backbone on each frame, a head that may read the past, logits for the current one.

`segmenter` builds whole networks; it and `layers.resize` are what most other packages import.
`weights` reads weight files and `published_checkpoints` converts published ones. Each published
idea has a file in `heads`; heads share `attention`, `pyramid_tokens` and `layers`. Nothing here
knows of datasets.
"""
