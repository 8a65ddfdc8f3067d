"""Measurements of this package: `python -m benchmarks [NAME ...] [--short] [--plots DIR]`.

Each module of this folder without a leading underscore is a benchmark. It has
`def run(*, short: bool) -> Table`, and is found by its name; nothing else lists it.
"""
