"""One trial as a whole: its file for machines without a network, and its runner.

Others import `file` (read and write trial files, no torch) and `run` (train and score a trial).
"""
