"""Records in, Markdown and HTML out. Knows neither how trials are run nor where they are kept."""
