"""MASA-SR step by step, on photographs of scikit-image; some seconds on a CPU.

Run it as a script, `python demo/tutorial.py`, or cell by cell in an editor that knows `# %%`.
"""

# %%
import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage import data

from masasr_mm.apis import MASAInferencer
from masasr_mm.images.io import write_picture
from masasr_mm.visualization.match_picture import draw_matches
from masasr_mm.visualization.panels import compare
from masasr_mm.weights import DEFAULT

parser = argparse.ArgumentParser(description='MASA-SR step by step')
parser.add_argument('--checkpoint', default=DEFAULT, help="ours or the authors' (default: photos)")
parser.add_argument('--out', default='work_dirs/tutorial', help='folder for the pictures')
arguments, _ = parser.parse_known_args()
out = Path(arguments.out)

# %% [markdown]
# ## Two photos of one scene
#
# The left view of a stereo pair is made four times smaller; the right view, sharp, is the
# reference. The network also gets the reference reduced as much as the LR image is, so that like
# is matched with like.

# %%
left, right, _ = data.stereo_motorcycle()
hr, ref = left[100:324, 200:456], right[96:352, 150:470]


def reduce(image: np.ndarray) -> np.ndarray:
    """Make an image four times smaller, as the training data was made."""
    size = (image.shape[1] // 4, image.shape[0] // 4)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


lq, ref_down = reduce(hr), reduce(ref)


def tensor(image: np.ndarray) -> torch.Tensor:
    """Return an image as the network takes it: (1, 3, H, W), RGB in [0, 1]."""
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


# %% [markdown]
# ## The network, part by part
#
# One encoder serves all three images. The coarse feature of the LR image is matched with that of
# the reduced reference: blocks first (Stage 1), then patches inside the blocks (Stage 2).

# %%
infer = MASAInferencer(arguments.checkpoint, device='cpu')
net = infer.generator
with torch.no_grad():
    lr_feature, ref_feature = (net.encoder(tensor(image))[0] for image in (lq, ref_down))
    matches = net.matching(lr_feature, ref_feature)
print(f'{sum(value.numel() for value in net.parameters()):,} parameters')
print(f'LR {lq.shape[:2]} in {matches.blocks} blocks, Ref↓ {matches.grid}')
print(f'mean similarity {float(matches.similarity.mean()):.3f}')

# %% [markdown]
# Stage 3 copies the features of the reference from where they were found, at each scale:

# %%
with torch.no_grad():
    for feature in reversed(net.encoder(tensor(ref))):
        print('texture', tuple(net.matching.extract(feature, matches).shape))

# %% [markdown]
# ## Where did the matching look?
#
# Of the two views of the stereo pair we know the answer: what lies in a row of one lies in the same
# row of the other, which here starts 4 pixels (1 pixel of the LR image) higher.

# %%
rows = torch.arange(lq.shape[0])[None, :, None]
shift = matches.position // matches.grid[1] - rows
share = ((shift - 1).abs() <= 2).float().mean()
print(f'rows found within 2 pixels of the true one: {float(share):.0%}')

# %% [markdown]
# ## A photo of any size, in one call
#
# `MASAInferencer` reads files, arrays or Pillow images, pads them to what the network takes, runs
# in tiles where memory is short, and tells where the texture came from.

# %%
prediction = infer.predict(lq[:, :61], [ref])
print(f'{lq[:, :61].shape} → {prediction.image.shape}, agreement {prediction.agreement:.2f}')

# %% [markdown]
# The pictures: bicubic, result and reference side by side; and the origin of every piece of
# texture.

# %%
parts = prediction.lq, prediction.image, prediction.ref
write_picture(compare(*parts, prediction.num_refs), out / 'compare.png')
picture = draw_matches(*parts, prediction.matches, prediction.num_refs)
write_picture(picture, out / 'matches.png')
print(f'written: {out / "compare.png"}, {out / "matches.png"}')
