"""One picture that shows where the texture of an image came from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import ConnectionPatch, Rectangle

from ..images.pixels import resize
from ..models.matching import MatchMaps

WIDTH = 13.0  # inches
TITLE = 0.35
DPI = 100
LARGE = 480  # pixels of an LR that is drawn at its own size, which is that of a panel or more
LINKS = (3, 4)  # blocks in a column and in a row that are linked by lines
ASPECT = 4 / 3  # of several references side by side
#: Colours of the reference's corners: top left, top right, bottom left, bottom right.
CORNERS = np.array(
    [[[1.00, 0.10, 0.15], [1.00, 0.90, 0.00]], [[0.35, 0.10, 1.00], [0.00, 0.85, 0.45]]]
)
HEAT = 'inferno'
UNUSED = 0.25  # brightness of what was not used


class Scene(NamedTuple):
    """What is drawn: images at the size of the result, positions at that of Ref↓."""

    photo: np.ndarray
    ref: np.ndarray
    is_ref: np.ndarray
    maps: MatchMaps
    on_ref: np.ndarray


def draw_matches(
    lq: np.ndarray,
    result: np.ndarray,
    ref: np.ndarray,
    maps: MatchMaps,
    num_refs: int = 1,
    texture: np.ndarray | None = None,
) -> np.ndarray:
    """Draw where the texture of an image came from.

    Four rows: LR and reference with block correspondences (Stage 1), the fine matches (Stage 2)
    with places in the reference as colours, the similarities R (Eq. 4) as heat over both, and the
    reference's texture in the LR's place between enlargement and result.

    Args:
        lq (np.ndarray): LR image, shape (h, w, 3), uint8, RGB.
        result (np.ndarray): SR image, shape (scale·h, scale·w, 3), uint8, RGB.
        ref (np.ndarray): References stacked from top to bottom, shape (scale·H, scale·W, 3) or a
            little less, uint8, RGB.
        maps (MatchMaps): Where the texture came from.
        num_refs (int): How many references are stacked. Default: 1.
        texture (np.ndarray, optional): The matched texture in the LR's place, shape
            (scale·h, scale·w, 3), uint8, RGB, where the network saw other references, such as
            aligned ones. Default: None, taken from ``ref``.

    Returns:
        np.ndarray: The picture, shape (H', 1300, 3), uint8, RGB.
    """
    ref = filled(ref, maps)
    if max(lq.shape) > LARGE:
        result = resize(result, *lq.shape[1::-1])
        ref, maps = resize(ref, *maps.grid[::-1]), maps._replace(scale=1)
    if texture is None:
        texture = texture_in_place(ref, maps.position, maps.grid)
    scene = _scene(lq, ref, maps, num_refs)
    aspects = [image.shape[1] / image.shape[0] for image in (scene.photo, scene.ref)]
    heights = [WIDTH * 0.94 / sum(aspects) + TITLE] * 3 + [WIDTH * 0.98 / (3 * aspects[0]) + TITLE]

    figure = Figure(figsize=(WIDTH, sum(heights)), dpi=DPI, layout='constrained')
    rows = figure.subfigures(4, 1, height_ratios=heights)
    pairs = [row.subplots(1, 2, gridspec_kw=dict(width_ratios=aspects)) for row in rows[:3]]
    _draw_blocks(rows[0], pairs[0], scene)
    _draw_places(pairs[1], scene)
    _draw_similarity(rows[2], pairs[2], scene)
    panels = (
        ('photo, enlarged', scene.photo),
        ("matched reference texture, in the photo's place", texture),
        ('result', result),
    )
    for axis, (title, image) in zip(rows[3].subplots(1, 3), panels):
        _show(axis, image, title)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def filled(ref: np.ndarray, maps: MatchMaps) -> np.ndarray:
    """Repeat the border of a reference until it has the size that it was matched with."""
    bottom, right = (size * maps.scale - have for size, have in zip(maps.grid, ref.shape))
    return np.pad(ref, ((0, bottom), (0, right), (0, 0)), mode='edge')


def texture_in_place(ref: np.ndarray, position: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Put pixels of a reference of scale·grid, matched at (y, x) (h, w, 2), in the LR's place."""
    scale = ref.shape[0] // grid[0]
    cells = ref.reshape(grid[0], scale, grid[1], scale, 3).swapaxes(1, 2)
    texture = cells[position[..., 0], position[..., 1]].swapaxes(1, 2)
    return texture.reshape(position.shape[0] * scale, position.shape[1] * scale, 3)


def _scene(lq: np.ndarray, ref: np.ndarray, maps: MatchMaps, num_refs: int) -> Scene:
    """Enlarge the photo, and put references that are stacked side by side."""
    scale = maps.scale
    photo = resize(lq, lq.shape[1] * scale, lq.shape[0] * scale)
    laid_out = lay_out(ref, num_refs)
    moved = maps._replace(
        position=move_positions(maps.position, maps.grid, num_refs),
        block_position=move_positions(maps.block_position, maps.grid, num_refs),
        grid=(laid_out.shape[0] // scale, laid_out.shape[1] // scale),
    )
    is_ref = lay_out(np.zeros((*ref.shape[:2], 1), np.uint8), num_refs) == 0
    on_ref = similarity_on_reference(moved.position, moved.similarity, moved.grid)
    return Scene(photo, laid_out, is_ref, moved, _repeat(on_ref, scale))


def _draw_blocks(figure: SubFigure, axes: np.ndarray, scene: Scene) -> None:
    """Link some LR blocks with the reference blocks that they were matched to."""
    maps, scale = scene.maps, scene.maps.scale
    _show(axes[0], scene.photo, 'photo: some of its blocks')
    _show(axes[1], scene.ref, 'reference: where they were found (coarse matching)')
    height, width = (size * scale for size in maps.block_size)
    for row, column in _spread(maps.block_position.shape[:2]):
        centre = maps.block_position[row, column]
        color = place_colors(centre, maps.grid)
        here = ((column + 0.5) * width, (row + 0.5) * height)
        there = ((centre[1] + 0.5) * scale, (centre[0] + 0.5) * scale)
        for axis, (x, y) in zip(axes, (here, there)):
            corner = (x - width / 2, y - height / 2)
            axis.add_patch(Rectangle(corner, width, height, fill=False, ec='white', lw=3.5))
            axis.add_patch(Rectangle(corner, width, height, fill=False, ec=color, lw=2))
        for outline, line_width in (('white', 2.4), (color, 1.4)):
            figure.add_artist(
                ConnectionPatch(
                    here, there, 'data', 'data', axesA=axes[0], axesB=axes[1],
                    color=outline, lw=line_width,
                )
            )  # fmt: skip


def _draw_places(axes: np.ndarray, scene: Scene) -> None:
    """Colour every pixel by the place in the reference that it was matched to."""
    maps = scene.maps
    places = np.stack(np.mgrid[: maps.grid[0], : maps.grid[1]], axis=-1)
    photo, key = (
        tint(image, _repeat(place_colors(position, maps.grid), maps.scale))
        for image, position in ((scene.photo, maps.position), (scene.ref, places))
    )
    _show(axes[0], photo, 'photo: in the colours of where its pixels were found')
    used = np.isfinite(scene.on_ref)[..., None]
    key = np.where(used, key, faded(scene.ref))
    _show_ref(axes[1], scene, key, 'in its colours (dark: not used)')


def _draw_similarity(figure: SubFigure, axes: np.ndarray, scene: Scene) -> None:
    """Lay the similarities over the LR, and over the reference where it was used."""
    maps = scene.maps
    low, high = float(min(0.5, np.quantile(maps.similarity, 0.02))), 1.0
    on_photo = heat(scene.photo, _repeat(maps.similarity, maps.scale), low, high)
    _show(axes[0], on_photo, f'photo: similarity, mean {maps.similarity.mean():.2f}')
    on_ref = heat(scene.ref, scene.on_ref, low, high)
    _show_ref(axes[1], scene, on_ref, 'similarity where it was used')
    colors = ScalarMappable(Normalize(low, high), HEAT)
    figure.colorbar(colors, ax=list(axes), fraction=0.02, pad=0.01)


def _spread(blocks: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Choose some blocks, spread evenly but not in line, so that their links can be told apart."""
    rows, columns = (min(size, count) for size, count in zip(blocks, LINKS))
    for i in range(columns):
        column = int((i + 0.5) * blocks[1] / columns)
        for j in range(rows):
            yield int((j + (i + 0.5) / columns) * blocks[0] / rows), column


def _show(axis: Axes, image: np.ndarray, title: str) -> None:
    axis.imshow(image, extent=(0, image.shape[1], image.shape[0], 0))
    axis.set_title(title, fontsize=10, loc='left')
    axis.set_axis_off()


def _show_ref(axis: Axes, scene: Scene, image: np.ndarray, title: str) -> None:
    _show(axis, np.where(scene.is_ref, image, 255), f'reference: {title}')


def _repeat(values: np.ndarray, scale: int) -> np.ndarray:
    return values.repeat(scale, axis=0).repeat(scale, axis=1)


def place_colors(position: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Give places (y, x) on a grid, (..., 2), the colours (..., 3) between those of its corners."""
    y, x = ((position[..., axis] / max(1, grid[axis] - 1))[..., None].clip(0, 1) for axis in (0, 1))
    top, bottom = (left * (1 - x) + right * x for left, right in CORNERS)
    return top * (1 - y) + bottom * y


def tint(image: np.ndarray, colors: np.ndarray, strength: float = 0.85) -> np.ndarray:
    """Colour a uint8 image with RGB in [0, 1] and keep its light and shade; 0 leaves it grey."""
    light = (image @ np.array([0.299, 0.587, 0.114]) / 255)[..., None]
    shaded = colors * (0.45 + 0.55 * light)
    return np.uint8(np.round(255 * (strength * shaded + (1 - strength) * light)))


def heat(image: np.ndarray, similarity: np.ndarray, low: float, high: float) -> np.ndarray:
    """Lay similarities (H, W) over an image as a heat map; where they are NaN it stays grey."""
    there = np.isfinite(similarity)
    share = (np.where(there, similarity, low) - low) / max(high - low, 1e-6)
    warm = tint(image, colormaps[HEAT](share.clip(0, 1))[..., :3])
    return np.where(there[..., None], warm, faded(image))


def faded(image: np.ndarray) -> np.ndarray:
    """Return an image in dark grey, as what was not used is shown."""
    return tint(np.uint8(image * UNUSED), np.zeros(3), strength=0)


def similarity_on_reference(
    position: np.ndarray, similarity: np.ndarray, grid: tuple[int, int]
) -> np.ndarray:
    """Return the highest similarity (H, W) with which each place was used, NaN where it was not."""
    highest = np.full(grid, -np.inf, np.float32)
    np.maximum.at(highest, (position[..., 0], position[..., 1]), similarity)
    # A match takes a patch of 3×3.
    highest = cv2.dilate(highest, np.ones((3, 3)), borderValue=-np.inf)
    return np.where(np.isfinite(highest), highest, np.nan)


def lay_out(ref: np.ndarray, num_refs: int) -> np.ndarray:
    """Put references stacked as (n·H, W, C) into a grid, in row order; left-over places are 255."""
    height, width = ref.shape[0] // num_refs, ref.shape[1]
    rows, columns = _grid(height, width, num_refs)
    missing = (rows * columns - num_refs) * height
    parts = np.pad(ref, ((0, missing), (0, 0), (0, 0)), constant_values=255)
    parts = parts.reshape(rows, columns, height, width, -1).swapaxes(1, 2)
    return parts.reshape(rows * height, columns * width, -1)


def move_positions(position: np.ndarray, size: tuple[int, int], num_refs: int) -> np.ndarray:
    """Return where (y, x), (..., 2), in stacked references of a size are after :func:`lay_out`."""
    height, width = size[0] // num_refs, size[1]
    columns = _grid(height, width, num_refs)[1]
    y, x = position[..., 0], position[..., 1]
    index = y // height
    return np.stack([index // columns * height + y % height, index % columns * width + x], axis=-1)


def _grid(height: int, width: int, number: int) -> tuple[int, int]:
    """Return rows and columns: as a whole about 4:3, with few places left over."""

    def cost(columns: int) -> float:
        rows = math.ceil(number / columns)
        return (
            abs(math.log(columns * width / (rows * height) / ASPECT))
            + (rows * columns - number) / 2
        )

    columns = min(range(1, number + 1), key=cost)
    return math.ceil(number / columns), columns
