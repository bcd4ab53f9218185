"""Output on a terminal: tables, the live view of a submit, progress bars. One module per subject.

Others import any module of this folder.
"""
