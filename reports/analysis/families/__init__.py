"""Families of comparisons beside that with the baseline; other packages may import both."""
