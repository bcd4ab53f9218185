"""Reports: records of an experiment in, Markdown, HTML, CSV, JSON and TeX out.

The package knows neither how trials are run nor where they are kept. Each part imports only from
those to its left:

    records < analysis < figures < text < formats < report

Others build a report with `report.build_report` or `report.rebuild`, make `records` for it, and may
use `analysis` and the columns and number formats in `text` for tables of their own.
"""
