# PSNR and SSIM on the Y channel (Sec. 4.1), of the result and of plain bicubic enlargement.
metrics = [dict(type='PSNR', convert_to='Y'), dict(type='SSIM', convert_to='Y')]
bicubic_metrics = [dict(metric, pred_key='bicubic_img', prefix='bicubic') for metric in metrics]
val_evaluator = dict(type='Evaluator', metrics=[*metrics, *bicubic_metrics])
test_evaluator = val_evaluator
# For tools/test.py: more metrics by name, such as --cfg-options extra_metrics=LPIPS,NIQE
extra_metrics = []
val_cfg = dict(type='MultiValLoop')
test_cfg = dict(type='MultiTestLoop')
