"""mmagic's TTSR with MASA's matching in the place of its own."""

# With setuptools<81 mmengine also knows 'mmagic::ttsr/ttsr-rec_x4c64b16_1xb9-200k_CUFED.py'.
_base_ = (
    f'{__import__("mmagic").__path__[0]}/.mim/configs/ttsr/ttsr-rec_x4c64b16_1xb9-200k_CUFED.py'
)

# masasr_mm comes first: where mmcv-lite is installed, mmagic needs it.
custom_imports = dict(imports=['masasr_mm', 'mem_transformer'], allow_failed_imports=False)

model = dict(transformer=dict(_delete_=True, type='MEMTransformer'))
