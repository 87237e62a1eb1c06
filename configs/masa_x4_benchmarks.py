# MASA or MASA-rec tested on CUFED5, Sun80 and Urban100 in one run: their row of Table 1. Sets that
# are not there are named and left out.
_base_ = './_base_/tested.py'

sets = dict(CUFED5=_base_.test_dataloader['dataset'], Sun80=_base_.sun80, Urban100=_base_.urban100)
test_dataloader = [
    {
        **_base_.test_dataloader,
        'dataset': {**dataset, 'test_mode': True, 'metainfo': dict(dataset_type=name)},
    }
    for name, dataset in sets.items()
]
test_evaluator = [
    dict(
        type='Evaluator',
        metrics=[
            *({**metric, 'prefix': f'bicubic/{name}'} for metric in _base_.bicubic_metrics),
            *({**metric, 'prefix': name} for metric in _base_.metrics),
        ],
    )
    for name in sets
]
leave_out_absent = True
