"""The sections of a report: numbers in, Markdown out, figures drawn on the way.

`sections` lists them in reading order; each is a function from a `page` to Markdown. Others may
import `columns`, the main table wherever it is printed, `format`, the way numbers are written, and
the limits in `page`.
"""
