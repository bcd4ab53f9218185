"""Reports: records of an experiment in, Markdown, HTML, CSV, JSON and TeX out.

The package knows neither how trials are run nor where they are stored. Each part imports only from
those to its left:

    records < analysis < figures < text < formats < report

Other packages make `records` and build a report from them with `report.build_report` or
`report.rebuild`. They may use `analysis` and the columns and number formats of `text` for tables of
their own.
"""
