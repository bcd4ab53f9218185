"""The synthetic dataset: a drive through a street, rendered on the fly.

`dataset` lists and renders the frames; it is all that others import.
"""
