# A network that MASA is compared with, trained with MASA-rec's loss, data, schedule and protocol.
_base_ = '../../masa-rec_x4_cufed5.py'
model = dict(
    type='PeerEditor',
    generator=dict(_delete_=True),
    test_cfg=dict(_delete_=True, bicubic=True),
)
# There are no matches to draw.
custom_hooks = [dict(type='BasicVisualizationHook', interval=dict(val=25, test=25))]
