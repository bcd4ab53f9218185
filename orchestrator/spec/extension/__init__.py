"""Specs that extend another one: `extends: ../heads.yaml`, and what differs from it.

`resolve` turns such a text into one that stands alone, which is what gets recorded; `merge` has the
rules.
"""
