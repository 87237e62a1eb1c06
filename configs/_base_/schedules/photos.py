# Pieces of the short trainings on photographs: the rate rises for 200 steps and falls to the end.
photo_schedule = [
    dict(type='LinearLR', start_factor=0.1, end=200, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=200, eta_min_ratio=0.01, by_epoch=False),
]
# An average over the last tenth of the steps, and no more than about 1,000 of them.
average = dict(type='ResumableEMAHook', ema_type='MomentumAnnealingEMA', momentum=0.001, gamma=10)
