"""The files of a report: an HTML page, a LaTeX table, and records that can be read back.

`html` and `latex` turn Markdown and plain cells into pages and tables; `results_json` and `arrays`
save and load records. Other packages may load records with `results_json` and catch
`files.ReportError`.
"""
