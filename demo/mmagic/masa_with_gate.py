"""MASA-rec on the sample data, with a module of one's own in SAM's place."""

_base_ = '../../configs/masa_x4_sample.py'

custom_imports = dict(imports=['masasr_mm', 'gated_adaptation'], allow_failed_imports=False)

model = dict(generator=dict(adaptation=dict(_delete_=True, type='GatedAdaptation')))
