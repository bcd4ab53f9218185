"""Reading what strangers may have written: files below a size limit, and plain data only.

Others import `messages` (short, printable excerpts), `limited_file` (regular files below a limit),
`yaml_text` and `json_text` (plain data), `weights_file` (what a file of weights begins with), and
`archive` (what an archive unpacks to).
"""
