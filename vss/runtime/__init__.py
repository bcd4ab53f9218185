"""The machine that a trial runs on: clocks, its description, peak memory.

Any module of vss may import from here; nothing here knows about data or networks.
"""
