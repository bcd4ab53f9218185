"""The answer of a report: findings as sentences."""
