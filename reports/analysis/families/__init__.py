"""Families of comparisons beside that with the spec's baseline; other packages may import all."""
