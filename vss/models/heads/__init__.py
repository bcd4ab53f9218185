"""Decode heads, one file per published idea; each has a row in `vss/catalog.py`.

`vss.models.segmenter` builds them through the catalog; nothing else imports them, except for
`image.FCNHead`, its auxiliary head. All share one contract, tested in
`tests/vss/models/heads/test_contract.py`. A head is built with (channels of stage 4 and 5,
num_classes, head_channels, dropout) and its own options. An image head is called with the current
frame's features. A memory head is also built with `memory_slots`, and splits its work so that
training and streaming run the same code:

    remember(features) -> what to remember of each of N frames, a tuple of tensors (N, ...)
    forward(current, memory) -> logits; memory has the same tensors as (B, T, ...), oldest first

A head with supervised branches returns a tuple in training mode, with the prediction first; its
attribute `outputs` is the length of that tuple.
"""
