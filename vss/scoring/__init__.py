"""Scores of predictions against labels: accuracy, boundaries, temporal consistency.

`score` predicts the labelled clips of a split and writes the counts; training imports it. `metrics`
computes metrics from confusion matrices, and `temporal` compares neighbouring frames.
"""
