"""What the settings that vary do: `effects` and interactions, on cells that `matching` pairs.

`lines` holds the cells along one setting, for figures. The rest of the house may import `effects`
and `lines`.
"""
