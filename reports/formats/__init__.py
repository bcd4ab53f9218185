"""The files of a report: an HTML page, a LaTeX table, and records that are read back.

`html` and `latex` turn Markdown and plain cells into pages and tables; `results_json` and `arrays`
save records. Only `report` imports them, but anyone may catch `arrays.ReportError`.
"""
