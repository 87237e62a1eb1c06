# One's own photos: an LR and one or more references of any size and angle, as the command masasr
# takes them. Where the references show too little of the photo, it is its own (own_ref).
inference_pipeline = [
    dict(type='LoadPhoto'),
    dict(type='AlignReferences', key='ref', lq_key='own_ref', scale=4),
    dict(type='StackReferences', key='own_ref', size=None),
    dict(type='StackReferences', key='ref', size=None),
    dict(
        type='Resize',
        keys=['ref', 'own_ref'],
        output_keys=['ref_down', 'own_ref_down'],
        scale=1 / 4,
        keep_ratio=True,
        interpolation='bicubic',
        backend='pillow',
    ),
    dict(
        type='PackInputs',
        data_keys=['ref_down', 'own_ref', 'own_ref_down'],
        meta_keys=['img_path', 'ref_path', 'alignments', 'places', 'neutral', 'num_refs'],
    ),
]
