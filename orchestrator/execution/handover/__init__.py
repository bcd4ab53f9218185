"""What becomes of a submit: it drives its experiment, or attaches to the driver that does.

Others import any module of this folder.
"""
