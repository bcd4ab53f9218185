"""Specs: from a YAML file to a checked experiment, without torch.

Others import `file` (load a spec), `experiment` (what loading returns), `schema` (its fields) and
`completion.digest` (the hash that stands for a file).
"""
