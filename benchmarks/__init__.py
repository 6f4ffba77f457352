"""Reproducible comparisons with real peers; ``python -m benchmarks`` lists them.

    environments   a peer's own Python, made once
    processes      workers: children pinned to cores, asked in turn
    comparison     what was measured on both sides -> `Line`
    NAME.py        one benchmark: which workers, on what data
    workers/       what the children run, one small script a side

docs/benchmarks.md says what each one measures and what came of it.
"""
