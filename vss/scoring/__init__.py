"""Scores of predictions against labels: accuracy, boundaries, steadiness over time.

`score` predicts the labelled clips of a split and writes the counts; training imports it. `metrics`
turns confusion matrices into numbers and `temporal` compares neighbouring frames.
"""
