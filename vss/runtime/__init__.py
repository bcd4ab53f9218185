"""The machine that a trial runs on: clocks, its description, peak memory.

Imported from anywhere; nothing here knows of data or networks.
"""
