"""Measurements of this package, a file a question: `python -m benchmarks [NAME …] [--short]`.

A question is a module of this folder without a leading underscore that has
`def run(*, short: bool) -> Table`; it is found by its name, nothing else lists it.
"""
