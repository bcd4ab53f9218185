"""The numbers of a report: means, intervals, verdicts, effects, tables. No text and no drawing.

`study` compares cells, by the `statistics` of seeds and a `bootstrap` over test sets; `factors`
compares settings; `overview` holds the rows of the tables. The rest of the house may import all of
them.
"""
