"""The sections of a report: numbers in, Markdown out, figures drawn on the way.

`sections` lists them in reading order; each is a function from a `page` to Markdown. Other packages
may import `columns` (the main table, wherever it is printed), `format` (how numbers are written)
and the limits in `page`.
"""
