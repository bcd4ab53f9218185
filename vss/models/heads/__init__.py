"""Decode heads, one file per published idea; each is a row of `vss/catalog.py`.

The contract, shared by all and held by `tests/vss/models/test_heads.py`. A head is built with
(channels of stage 4 and 5, num_classes, head_channels, dropout) and its own options. An image head
is called with the current frame's features. A memory head is also built with `memory_slots`, and
splits its work so that training and streaming run the same code:

    remember(features) -> what it keeps of each frame, a tuple of tensors (N, ...)
    forward(current, memory) -> logits; memory holds the same tensors as (B, T, ...), oldest first

A head whose branches are supervised returns a tuple while it trains, the prediction first, and says
in `outputs` how many.
"""
