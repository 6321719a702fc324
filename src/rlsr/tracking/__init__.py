"""Runs are shown where people look at them: TensorBoard, W&B, MLflow, Trackio, and what installed packages add.

What is sent is read from the directory of the run, while it goes on and afterwards alike; ``metrics.jsonl`` stays the truth.
"""
