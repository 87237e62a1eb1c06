"""Count the parameters and multiply-adds of a network (Table 2) and of its matching (Fig. 5)."""

from __future__ import annotations

import argparse
from pathlib import Path

from masasr_mm.version import add_version

TABLE_2 = dict(
    MASANet=dict(matching=8.84e9, total=367.93e9, parameters=4.03e6),
    CrossNet=dict(matching=None, total=348.31e9, parameters=35.18e6),
    SRNTT=dict(matching=6005.78e9, total=6500.70e9, parameters=5.75e6),
    TTSRNetwork=dict(matching=618.48e9, total=1044.28e9, parameters=6.99e6),
)
"""The paper's numbers, for an LR of 128×128 and a reference of 512×512."""
PANELS = dict(a='LR block', b='Ref↓ block', c='dilations')


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


def print_costs(console, costs: list, summary: dict, title: str) -> None:
    """Print the table of modules, and why fewer operations are run than the formulas say."""
    from rich.table import Table

    from masasr_mm.evaluation.complexity import total

    table = Table(title=title)
    for column in ('', 'parameters', 'multiply-adds, formulas (G)', 'as run here (G)'):
        table.add_column(column, justify='right' if column else 'left')
    for cost in [*costs, total(costs)]:
        numbers = (f'{value / 1e9:,.4f}' for value in (cost.formula, cost.as_run))
        table.add_row(cost.name, f'{cost.parameters:,}', *numbers, end_section=cost is costs[-1])
    console.print(table)
    for line in explanations(costs, summary):
        console.print(line, highlight=False)


def explanations(costs: list, summary: dict) -> list[str]:
    """Return what belongs under the table."""
    by_name = {cost.name: cost for cost in costs}
    lines = []
    if summary['matching']:
        lines.append(f'matching by the formulas: {summary["matching"] / 1e9:.4f} G')
    reasons = {
        'encoder': 'Ref↓ passes the first level alone, the only one that is used',
        'matching, Stage 2': 'pixels of two blocks are multiplied once and the products summed '
        'along diagonals, in place of patches that repeat every pixel nine times',
    }
    for name, reason in reasons.items():
        saved = by_name[name].formula - by_name[name].as_run if name in by_name else 0
        if saved > 0:
            lines.append(f'{name}: {saved / 1e9:.4f} G fewer, since {reason}')
    sums = ''
    if summary['extraction']:
        sums = f'{summary["extraction"] / 1e9:.4f} G in the weighted sums of Stage 3, and '
    lines.append(f'not in the total: {sums}element-wise work')
    if paper := summary['paper']:
        matching = (
            '' if paper['matching'] is None else f'matching {paper["matching"] / 1e9:.2f} G, '
        )
        lines.append(
            f'Table 2: {matching}total {paper["total"] / 1e9:.2f} G (with element-wise work), '
            f'{paper["parameters"] / 1e6:.2f} M parameters'
        )
    return lines


def print_sweep(console, settings: list) -> None:
    """Print the FLOPs axis of Fig. 5."""
    from rich.table import Table

    table = Table(title='Multiply-adds of matching (Fig. 5)')
    for column in ('', 'setting', 'LR', 'formulas (G)', 'as run here (G)'):
        table.add_column(column, justify='right' if column.endswith('(G)') else 'left')
    for setting, following in zip(settings, [*settings[1:], settings[-1]]):
        numbers = (f'{value / 1e9:,.4f}' for value in (setting.formula, setting.as_run))
        size = '×'.join(map(str, setting.lr_size))
        name = f'({setting.panel}) {PANELS[setting.panel]}'
        table.add_row(
            name, setting.label, size, *numbers, end_section=setting.panel != following.panel
        )
    console.print(table)


def plot_sweep(settings: list, path: Path) -> None:
    """Draw the FLOPs axis of Fig. 5, a panel each; like the paper without LR blocks of 1×1."""
    from matplotlib.figure import Figure

    from masasr_mm.files import written_whole

    figure = Figure(figsize=(12, 3.5), layout='constrained')
    for axes, (panel, name) in zip(figure.subplots(1, len(PANELS)), PANELS.items()):
        shown = [s for s in settings if s.panel == panel and (panel, s.label) != ('a', '1×1')]
        labels = [setting.label for setting in shown]
        for field, label in (('formula', "the paper's formulas"), ('as_run', 'as run here')):
            values = [getattr(setting, field) / 1e9 for setting in shown]
            axes.plot(labels, values, marker='o', label=label)
        axes.set(title=f'({panel}) {name}', ylabel='multiply-adds (G)', ylim=(0, None))
        axes.grid(alpha=0.3)
    axes.legend()
    with written_whole(path) as part:
        figure.savefig(part, dpi=120)


def write(out: Path, content: dict, settings: list) -> None:
    """Write the JSON and, where there is a sweep, the plot."""
    import json

    from masasr_mm.files import written_whole

    content['sweep'] = [setting._asdict() for setting in settings]
    with written_whole(out / 'complexity.json') as part:
        part.write_text(json.dumps(content, indent=1, ensure_ascii=False), 'utf-8')
    if settings:
        plot_sweep(settings, out / 'complexity.png')


def main(args: argparse.Namespace) -> None:
    """Count."""
    from rich.console import Console

    from masasr_mm.benchmark.cases import Case, build_network, check_case
    from masasr_mm.config import config_files, load_config
    from masasr_mm.errors import UserError
    from masasr_mm.evaluation import complexity
    from masasr_mm.evaluation.matching_sweep import sweep
    from masasr_mm.files import check_outputs
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
    costs = (complexity.network_costs if ours else complexity.peer_costs)(net, lq, ref)
    as_in_paper = (lq, ref) == ((128, 128), (512, 512))
    summary = dict(
        matching=sum(cost.formula for cost in costs if cost.name.startswith('matching')),
        extraction=complexity.extraction_multiply_adds(net, lq) if ours else 0,
        paper=TABLE_2.get(type(net).__name__) if as_in_paper else None,
    )
    console = Console()
    title = f'{Path(args.config).name}, LR {lq[0]}×{lq[1]}, Ref {ref[0]}×{ref[1]}'
    print_costs(console, costs, summary, title)
    settings = []
    if args.sweep:
        settings = list(sweep(net, lq, (ref[0] // net.scale, ref[1] // net.scale)))
        print_sweep(console, settings)

    if out:
        modules = [cost._asdict() for cost in [*costs, complexity.total(costs)]]
        content = dict(config=args.config, lq=lq, ref=ref, **summary, modules=modules)
        write(Path(out), content, settings)
        console.print(f'written to {out}', highlight=False)


if __name__ == '__main__':
    arguments = parse_args()
    from masasr_mm.errors import exit_with_user_errors

    exit_with_user_errors(lambda: main(arguments))
