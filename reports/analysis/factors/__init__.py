"""The effects of the settings that vary, and their interactions, on cells that `matching` pairs.

`lines` finds the cells along one setting, for figures. Any other package may import `effects` and
`lines`.
"""
