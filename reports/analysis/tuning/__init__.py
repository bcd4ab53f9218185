"""Searches of settings: what was found, the score to expect of a budget, and unequal budgets."""
