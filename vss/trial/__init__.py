"""One trial as a whole: its file for offline machines, and its runner.

Others import `file` (read and write trial files, no torch) and `run` (train and score a trial).
"""
