"""The numbers of a report: means, intervals, verdicts, effects, tables. No text and no drawing.

`study` compares cells, using a `seed_model` and a `bootstrap` over test sets; `factors` compares
settings; `overview` holds the rows of the tables. Other packages may import all modules.
"""
