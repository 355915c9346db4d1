"""nnspec against what people would use instead, measured side by side: ``python -m benchmarks --help``."""
