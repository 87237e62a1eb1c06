import sys

default_scope = 'mmagic'
custom_imports = dict(imports=['masasr_mm'], allow_failed_imports=False)

default_hooks = dict(
    # mmagic's estimates the time left once in 100 iterations
    timer=dict(type='mmengine.IterTimerHook'),
    logger=dict(type='LoggerHook', interval=100),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='WholeCheckpointHook',
        by_epoch=False,
        max_keep_ckpts=3,
        save_best='PSNR',
        rule='greater',
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    # SIGTERM and Ctrl-C end the training after the running iteration, saved
    stop=dict(type='StopOnSignalHook'),
    # stops at a loss or gradient that is not finite; skips up to `budget` such steps
    non_finite=dict(type='NonFiniteGuard', budget=0),
    # tells at the end what a data set with `max_broken` has passed over
    broken_data=dict(type='BrokenDataHook'),
)

# lq (bicubically enlarged) | sr | gt | ref of every 25th image that is tested
visualizer = dict(
    type='SideBySideVisualizer',
    fn_key='gt_path',
    img_keys=['bicubic_img', 'pred_img', 'gt_img', 'ref_img'],
    bgr2rgb=True,
    vis_backends=[dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')],
)
custom_hooks = [
    dict(type='BasicVisualizationHook', interval=dict(val=25, test=25)),
    # and where their texture came from; in a test with tools/test.py --show-matches
    dict(type='MatchVisualizationHook', interval=25, on_test=False),
]

env_cfg = dict(
    cudnn_benchmark=False,
    # forked processes start at once, but only Linux forks what has used threads safely
    mp_cfg=dict(
        mp_start_method='fork' if sys.platform == 'linux' else 'spawn', opencv_num_threads=1
    ),
    dist_cfg=dict(backend='nccl'),
)
# Generator and discriminator are updated one after the other, so each has its own wrapper. Without
# device_ids the wrappers work on the CPU, too; mmengine has put the model on the right GPU before.
model_wrapper_cfg = dict(type='MMSeparateDistributedDataParallel', device_ids=None)

log_level = 'INFO'
log_processor = dict(type='LogProcessor', window_size=100, by_epoch=False)
load_from = None
resume = False
