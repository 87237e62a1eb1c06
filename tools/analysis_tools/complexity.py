"""Count the parameters and multiply-adds of a network (Table 2) and of its matching (Fig. 5)."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from masasr_mm.errors import UserError, exit_with_user_errors
from masasr_mm.files import check_outputs, write_text, written_whole
from masasr_mm.version import add_version

if TYPE_CHECKING:
    from pandas import DataFrame
    from torch import nn
    from torch.utils.flop_counter import FlopCounterMode

    from masasr_mm.models import MASANet, MatchExtractionModule
    from masasr_mm.models.peers import PeerNetwork

Size = tuple[int, int]
TABLE_2 = dict(
    MASANet=dict(matching=8.84e9, total=367.93e9, parameters=4.03e6),
    CrossNet=dict(matching=None, total=348.31e9, parameters=35.18e6),
    SRNTT=dict(matching=6005.78e9, total=6500.70e9, parameters=5.75e6),
    TTSRNetwork=dict(matching=618.48e9, total=1044.28e9, parameters=6.99e6),
)
"""The paper's numbers, for an LR of 128×128 and a reference of 512×512."""
PANELS = dict(a='LR block', b='Ref↓ block', c='dilations')
LR_BLOCKS = (1, 4, 8, 12, 16)
REF_BLOCKS = (4, 8, 12, 16, 20)
DILATIONS = ((1,), (1, 2), (1, 2, 3), (1, 2, 3, 4))
REASONS = {
    'encoder': 'Ref↓ passes the first level alone, the only one that is used',
    'matching, Stage 2': 'pixels of two blocks are multiplied once and the products summed '
    'along diagonals, in place of patches that repeat every pixel nine times',
}
"""Why fewer operations are run than the formulas say."""


class Cost(NamedTuple):
    """Learned numbers of a part, and multiply-adds of its convolutions and matrix products.

    ``formula`` counts them as the paper describes and the released code does the work, ``as_run``
    as it is done here.
    """

    name: str
    parameters: int
    formula: int
    as_run: int


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_version(parser)
    parser.add_argument('config', metavar='CONFIG', help='config file, such as those in configs/')
    for name, size in (('lq', 128), ('ref', 512)):
        parser.add_argument(
            f'--{name}', nargs=2, type=int, default=(size, size), metavar=('H', 'W'),
            help=f'size of the {name} image (default: {size} {size})',
        )  # fmt: skip
    parser.add_argument(
        '--sweep', action='store_true', help='other block sizes and dilations, too (Fig. 5)'
    )
    parser.add_argument(
        '--out',
        metavar='DIR',
        help='write complexity.json there, and with --sweep the plot (default with --sweep: '
        'work_dirs/complexity)',
    )
    return parser.parse_args()


@contextmanager
def without_computing() -> Iterator[None]:
    """Let tensors that are made inside have shapes but no numbers, so that nothing is computed."""
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    with torch.no_grad(), FakeTensorMode(allow_non_fake_inputs=True):
        yield


def counted(function: Callable, *arguments: Any) -> FlopCounterMode:
    """Call a function and count its convolutions and matrix products."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        function(*arguments)
    return counter


def multiply_adds(function: Callable, *arguments: Any) -> int:
    """Count the multiply-adds of the convolutions and matrix products in a call."""
    return counted(function, *arguments).get_total_flops() // 2


def matching_costs(
    matching: MatchExtractionModule, channels: int, lr_size: Size, ref_down_size: Size
) -> tuple[Cost, Cost]:
    """Count Stages 1 and 2 of the matching, for an LR of which its blocks are a divisor.

    With K LR blocks, Stage 1 compares a centre patch of each block with all H·W patches of Ref↓
    at every dilation, and Stage 2 compares all h·w LR patches with the dy·dx patches of their
    Ref↓ block; each comparison takes one multiply-add for every number of a patch.
    """
    import torch

    with without_computing():
        lr, ref_down = (torch.empty(1, channels, *size) for size in (lr_size, ref_down_size))
        matches = matching(lr, ref_down)
        grid = matching.block_grid(lr_size, ref_down_size)
        coarse = multiply_adds(matching.coarse_match, lr, ref_down, grid)
        fine = multiply_adds(
            matching.fine_match, lr, ref_down, grid.centres(matches.coarse_index), grid
        )
    dy, dx = grid.ref_block
    patch = matching.patch_size**2 * channels
    candidates = grid.number_of_blocks * math.prod(ref_down_size) * len(matching.dilations)
    pairs = math.prod(lr_size) * dy * dx
    return (
        Cost('matching, Stage 1', 0, candidates * patch, coarse),
        Cost('matching, Stage 2', 0, pairs * patch, fine),
    )


def costs(net: MASANet | PeerNetwork, lq_size: Size, ref_size: Size) -> list[Cost]:
    """Count every module of a network for one LR and one reference; of peers formulas are run."""
    import torch

    from masasr_mm.models import MatchExtractionModule

    ref_down_size = tuple(size // net.scale for size in ref_size)
    with without_computing():
        images = [torch.empty(1, 3, *size) for size in (lq_size, ref_size, ref_down_size)]
        as_run = _by_child(counted(net, *images), net)
    found = []
    for name, child in net.named_children():
        if isinstance(child, MatchExtractionModule):
            found += matching_costs(child, net.to_image.in_channels, lq_size, ref_down_size)
        elif name in as_run:
            unused = _unused_levels(net, ref_down_size) if name == 'encoder' else 0
            parameters = sum(parameter.numel() for parameter in child.parameters())
            found.append(Cost(name, parameters, as_run[name] + unused, as_run[name]))
    return found


def _unused_levels(net: MASANet, ref_down_size: Size) -> int:
    """Count the encoder's levels that the released code passes Ref↓ through without using them."""
    import torch

    from masasr_mm.models import MASANet

    if not isinstance(net, MASANet):
        return 0
    with without_computing():
        image = torch.empty(1, 3, *ref_down_size)
        return multiply_adds(net.encoder, image) - multiply_adds(net.encoder, image, 1)


def _by_child(counter: FlopCounterMode, net: nn.Module) -> dict[str, int]:
    """Return the multiply-adds of a network's children; those of a list are its members'."""
    from torch import nn

    counts = {name: sum(ops.values()) // 2 for name, ops in counter.get_flop_counts().items()}
    root = type(net).__name__
    found = {}
    for name, child in net.named_children():
        members = [f'.{key}' for key, _ in child.named_children()]
        own = members if isinstance(child, nn.ModuleList) else ['']
        found[name] = sum(counts.get(f'{root}.{name}{key}', 0) for key in own)
    return found


def total(parts: list[Cost]) -> Cost:
    """Add up costs."""
    return Cost('total', *(sum(column) for column in list(zip(*parts))[1:]))


def extraction_multiply_adds(net: MASANet, lq_size: Size) -> int:
    """Count the weighted sums of Stage 3, which are neither convolutions nor matrix products.

    Every LR position takes, at each scale s, s² pixels from each of the patches that cover it.
    """
    pixels = sum(4**level for level in range(len(net.refinements)))
    return math.prod(lq_size) * pixels * net.matching.patch_size**2 * net.to_image.in_channels


def sweep(net: MASANet, lq_size: Size, ref_down_size: Size) -> DataFrame:
    """Count the matching for other block sizes and dilations: the FLOPs axis of Fig. 5.

    A Ref↓ block is given by its size where LR and Ref↓ have the same size, as in Sec. 4.2. It
    stays the same where the LR block changes; with LR blocks of 1×1, where Stage 1 has compared
    everything with everything, it is a single position. The LR is padded where its blocks would
    not divide it.
    """
    from pandas import DataFrame

    from masasr_mm.models import MatchExtractionModule

    base = net.matching
    names = ('block_size', 'ref_block_ratio', 'patch_size', 'dilations')
    own = {name: getattr(base, name) for name in names}
    ref_block = base.ref_block_ratio * base.block_size
    changes = [
        ('a', f'{size}×{size}', dict(block_size=size, ref_block_ratio=ref_block / size))
        for size in LR_BLOCKS
    ]
    changes += [
        ('b', f'{size}×{size}', dict(ref_block_ratio=size / base.block_size)) for size in REF_BLOCKS
    ]
    changes += [('c', ', '.join(map(str, rates)), dict(dilations=rates)) for rates in DILATIONS]
    rows = []
    for panel, label, change in changes:
        matching = MatchExtractionModule(**{**own, **change})
        divisor = math.lcm(net.scale, matching.block_size)
        lr_size = tuple(math.ceil(size / divisor) * divisor for size in lq_size)
        parts = matching_costs(matching, net.to_image.in_channels, lr_size, ref_down_size)
        whole = total(list(parts))
        rows.append((panel, label, lr_size, whole.formula, whole.as_run))
    return DataFrame(rows, columns=['panel', 'label', 'lr_size', 'formula', 'as_run'])


def print_costs(parts: list[Cost], summary: dict, title: str) -> None:
    """Print the table of modules, and what belongs under it."""
    from pandas import DataFrame

    rows = [(c.name, f'{c.parameters:,}', c.formula / 1e9, c.as_run / 1e9) for c in parts]
    heads = ['', 'parameters', 'multiply-adds, formulas (G)', 'as run here (G)']
    table = DataFrame(rows, columns=heads)
    print(f'\n{title}')
    aligned = ('left', 'right', 'right', 'right')
    print(table.to_markdown(index=False, floatfmt=',.4f', colalign=aligned))
    print('\n'.join(explanations(parts, summary)))


def explanations(parts: list[Cost], summary: dict) -> list[str]:
    """Return the lines under the table."""
    by_name = {cost.name: cost for cost in parts}
    lines = []
    if summary['matching']:
        lines.append(f'matching by the formulas: {summary["matching"] / 1e9:.4f} G')
    for name, reason in REASONS.items():
        saved = by_name[name].formula - by_name[name].as_run if name in by_name else 0
        if saved > 0:
            lines.append(f'{name}: {saved / 1e9:.4f} G fewer, since {reason}')
    sums = ''
    if summary['extraction']:
        sums = f'{summary["extraction"] / 1e9:.4f} G in the weighted sums of Stage 3, and '
    lines.append(f'not in the total: {sums}element-wise work')
    if paper := summary['paper']:
        matching = f'matching {paper["matching"] / 1e9:.2f} G, ' if paper['matching'] else ''
        lines.append(
            f'Table 2: {matching}total {paper["total"] / 1e9:.2f} G (with element-wise work), '
            f'{paper["parameters"] / 1e6:.2f} M parameters'
        )
    return lines


def print_sweep(settings: DataFrame) -> None:
    """Print the FLOPs axis of Fig. 5."""
    table = settings.assign(
        panel=[f'({panel}) {PANELS[panel]}' for panel in settings['panel']],
        lr_size=['×'.join(map(str, size)) for size in settings['lr_size']],
        formula=settings['formula'] / 1e9,
        as_run=settings['as_run'] / 1e9,
    )
    table.columns = ['', 'setting', 'LR', 'formulas (G)', 'as run here (G)']
    print('\nMultiply-adds of matching (Fig. 5)')
    print(table.to_markdown(index=False, floatfmt=',.4f'))


def plot_sweep(settings: DataFrame, path: Path) -> None:
    """Draw the FLOPs axis of Fig. 5, a panel each; like the paper without LR blocks of 1×1."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.5), layout='constrained')
    shown = settings[(settings['panel'] != 'a') | (settings['label'] != '1×1')]
    for axes, (panel, name) in zip(figure.subplots(1, len(PANELS)), PANELS.items()):
        rows = shown[shown['panel'] == panel]
        for field, label in (('formula', "the paper's formulas"), ('as_run', 'as run here')):
            axes.plot(rows['label'], rows[field] / 1e9, marker='o', label=label)
        axes.set(title=f'({panel}) {name}', ylabel='multiply-adds (G)', ylim=(0, None))
        axes.grid(alpha=0.3)
    axes.legend()
    with written_whole(path) as part:
        figure.savefig(part, dpi=120)


def main(args: argparse.Namespace) -> None:
    """Count."""
    from measuring import Case, build_network, check_case

    from masasr_mm.config import config_files, load_config
    from masasr_mm.models import MASANet

    out = args.out or ('work_dirs/complexity' if args.sweep else None)
    if out:
        written = [Path(out, f'complexity.{kind}') for kind in ('json', 'png')]
        check_outputs(written, config_files(load_config(args.config)))
    net = build_network(args.config)
    lq, ref = tuple(args.lq), tuple(args.ref)
    check_case(net, Case(lq, ref))
    ours = isinstance(net, MASANet)
    if args.sweep and not ours:
        raise UserError(f'--sweep: Fig. 5 is of MASANet, {args.config} has {net.name}')
    parts = costs(net, lq, ref)
    parts.append(total(parts))
    as_in_paper = (lq, ref) == ((128, 128), (512, 512))
    summary = dict(
        matching=sum(cost.formula for cost in parts if cost.name.startswith('matching')),
        extraction=extraction_multiply_adds(net, lq) if ours else 0,
        paper=TABLE_2.get(type(net).__name__) if as_in_paper else None,
    )
    title = f'{Path(args.config).name}, LR {lq[0]}×{lq[1]}, Ref {ref[0]}×{ref[1]}'
    print_costs(parts, summary, title)
    content = dict(config=args.config, lq=lq, ref=ref, **summary, sweep=[])
    content['modules'] = [cost._asdict() for cost in parts]
    if args.sweep:
        settings = sweep(net, lq, tuple(size // net.scale for size in ref))
        print_sweep(settings)
        content['sweep'] = json.loads(settings.to_json(orient='records'))
        plot_sweep(settings, written[1])
    if out:
        write_text(written[0], json.dumps(content, indent=1, ensure_ascii=False))
        print(f'written to {out}')


if __name__ == '__main__':
    exit_with_user_errors(lambda: main(parse_args()))
