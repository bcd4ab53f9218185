"""Tables of a plan: what differs between its cells, what it costs, what it can separate."""
