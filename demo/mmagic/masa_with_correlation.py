"""MASA-rec on the sample data, with another patch similarity in Stage 2."""

_base_ = '../../configs/masa_x4_sample.py'

custom_imports = dict(imports=['masasr_mm', 'correlation_matching'], allow_failed_imports=False)

model = dict(generator=dict(matching=dict(type='CorrelationMatching')))
