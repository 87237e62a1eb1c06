# A network that MASA is compared with at a budget for a CPU (Tables 1 and 2), trained as
# configs/ablations/photos.py is, with the reconstruction loss alone.
#   python tools/train.py configs/peers/rcan_x4_photos.py --amp bfloat16
_base_ = '../../ablations/photos.py'
model = dict(
    type='PeerEditor',
    # All start from the enlarged LR. Where a network makes a colour of zeros, that is its `blank`.
    generator=dict(_delete_=True, type='FromBicubic'),
    test_cfg=dict(_delete_=True, bicubic=True),
)
