"""The sources of a cell: other cells that must be trained first.

`initial_weights` is what a spec states about weights, `dependencies` the graph of all sources.
"""
