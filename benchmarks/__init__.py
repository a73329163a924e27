"""Benchmarks: `python -m benchmarks.<name>` prints ratios against peers that are measured in the same run."""
