"""Two pictures over each other with a slider between them, as HTML."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

LARGEST = 1600  # pixels on the page; the file to download has all

BADGE = (
    'position: absolute; top: 8px; padding: 2px 10px; border-radius: 10px; line-height: 1.5; '
    'color: white; background: rgb(0 0 0 / 55%)'
)
TEMPLATE = """
<div style="--at: 50%; position: relative; line-height: 0; user-select: none; overflow: hidden;
  border-radius: 8px">
  <img alt="{after_name}" src="{after}" style="width: 100%">
  <img alt="{before_name}" src="{before}" style="position: absolute; inset: 0; width: 100%;
    clip-path: inset(0 calc(100% - var(--at)) 0 0)">
  <span style="{badge}; left: 8px">{before_name}</span>
  <span style="{badge}; right: 8px">{after_name}</span>
  <div style="position: absolute; top: 0; bottom: 0; left: calc(var(--at) - 1px); width: 2px;
    background: white; box-shadow: 0 0 3px black">
    <div style="position: absolute; top: 50%; left: -17px; width: 36px; height: 36px;
      margin-top: -18px; border-radius: 50%; background: white; color: black; line-height: 36px;
      text-align: center; box-shadow: 0 0 3px black">&#x2194;</div>
  </div>
  <input type="range" min="0" max="100" step="0.5" value="50"
    aria-label="{before_name} or {after_name}"
    oninput="this.parentElement.style.setProperty('--at', this.value + '%')"
    style="position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0;
    cursor: ew-resize; touch-action: pan-y">
</div>
"""


def slider(before: np.ndarray, after: np.ndarray, before_name: str, after_name: str) -> str:
    """Return two pictures of one size with a slider, which also follows the arrow keys.

    Args:
        before (np.ndarray): Seen on the left of the slider, uint8, RGB.
        after (np.ndarray): Seen on its right, uint8, RGB.
        before_name (str): What is written on the first.
        after_name (str): What is written on the second.

    Returns:
        str: HTML that holds the pictures themselves.
    """
    return TEMPLATE.format(
        before=_data_uri(before),
        after=_data_uri(after),
        before_name=before_name,
        after_name=after_name,
        badge=BADGE,
    )


def _data_uri(picture: np.ndarray) -> str:
    image = Image.fromarray(picture)
    image.thumbnail((LARGEST, LARGEST))
    content = io.BytesIO()
    image.save(content, 'WEBP', quality=92)
    return 'data:image/webp;base64,' + base64.b64encode(content.getvalue()).decode()
