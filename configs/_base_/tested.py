# What a config needs that only tests.
_base_ = [
    './default_runtime.py',
    './models/masa-rec.py',
    './datasets/benchmarks.py',
    './evaluation.py',
    './inference.py',
]
