# A network that MASA is compared with, trained with MASA's losses, data, schedule and protocol, but
# with the adversarial loss of SRGAN.
_base_ = '../../masa_x4_cufed5.py'
model = dict(
    type='PeerEditor',
    generator=dict(_delete_=True),
    test_cfg=dict(_delete_=True, bicubic=True),
)
# There are no matches to draw.
custom_hooks = [dict(type='BasicVisualizationHook', interval=dict(val=25, test=25))]
