# MASA or MASA-rec tested on CUFED5 with one reference, at each of the five levels of similarity,
# and with all five: one run, one table.
_base_ = './_base_/tested.py'

# The same as test_dataloader.dataset.level of masa_x4_cufed5.py, for all of them.
names = [f'level-{level}' for level in range(1, 6)]
test_dataloader = [
    {
        **_base_.test_dataloader,
        'dataset': {
            **_base_.test_dataloader['dataset'],
            'level': level,
            'metainfo': dict(dataset_type=name),
        },
    }
    for level, name in enumerate(names, 1)
] + [
    {
        **_base_.test_dataloader,
        'dataset': {**_base_.test_dataloader['dataset'], 'metainfo': dict(dataset_type='all')},
    }
]
# The LR, and so its bicubic enlargement, is the same for all levels.
test_evaluator = [
    dict(
        type='Evaluator',
        metrics=[
            *(_base_.bicubic_metrics if name == names[0] else []),
            *({**metric, 'prefix': name} for metric in _base_.metrics),
        ],
    )
    for name in [*names, 'all']
]
