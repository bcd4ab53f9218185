"""Specs: from a YAML file to a checked experiment, without torch.

Others import `file` (load a spec), `experiment` (what loading returns) and `schema` (its fields).
"""
