"""What a terminal shows: tables, the live view of a submit, progress bars. One module per subject.

Others import any module of this folder.
"""
