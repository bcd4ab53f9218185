"""Sections on what the design of an experiment decided while it ran."""
