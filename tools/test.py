"""Test a checkpoint with a config file: metrics as a table, and the images if asked for."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mmengine.config import Config, DictAction

from masasr_mm.cli.values import tile, whole_number
from masasr_mm.errors import UserError, exit_with_user_errors
from masasr_mm.files import check_outputs
from masasr_mm.version import add_version


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_version(parser)
    parser.add_argument('config', metavar='CONFIG', help='config file, such as those in configs/')
    parser.add_argument(
        'checkpoint',
        metavar='CHECKPOINT',
        help='photos or bicubic, which come with the package; or a trained or converted one, or '
        "one of the authors', or its URL",
    )
    parser.add_argument('--work-dir', metavar='D', help='logs (default: work_dirs/<config name>)')
    parser.add_argument('--out', metavar='DIR', help='write every SR image and its metrics there')
    parser.add_argument(
        '--metrics', metavar='DIR', help='write the metrics of every image there, and no images'
    )
    parser.add_argument(
        '--show-matches', action='store_true', help='draw where the texture of every image is from'
    )
    parser.add_argument(
        '--quiet',
        action='store_true',
        help='no log on the screen; the work directory has it all the same',
    )
    parser.add_argument(
        '--limit',
        type=whole_number(1),
        metavar='N',
        help='test the first N images of each data set',
    )
    parser.add_argument('--device', help="such as 'cpu' or 'cuda:1' (default: the best there is)")
    parser.add_argument(
        '--tile',
        type=tile,
        default=argparse.SUPPRESS,
        metavar='auto|none|N',
        help='run in tiles of N LR pixels, for the same result in less memory (default: as the '
        'config says)',
    )
    parser.add_argument(
        '--dtype',
        choices=['float32', 'bfloat16', 'float16'],
        default=argparse.SUPPRESS,
        help='of the convolutions; the matching is always done in float32 (default: as the config '
        'says, float32)',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what starts the processes of a test in several (default: none, it is one)',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='config overrides'
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if args.device and args.launcher != 'none':
        parser.error('--device does not go with --launcher, by which each process has its own')
    return args


def limit_images(config: Config, count: int) -> None:
    """Let a config test no more than the first images of each data set."""
    loaders = config.test_dataloader
    for loader in loaders if isinstance(loaders, (list, tuple)) else [loaders]:
        loader.dataset.indices = count


def leave_out_absent(config: Config) -> None:
    """Take data sets that are not there out of a config that tests several, and name them."""
    pairs = list(zip(config.test_dataloader, config.test_evaluator))
    there = [pair for pair in pairs if Path(pair[0].dataset.data_root).exists()]
    absent = [loader.dataset for loader, _ in pairs if (loader, _) not in there]
    if not there:
        roots = ', '.join(dataset.data_root for dataset in absent)
        raise UserError(f'none of the data sets is there: {roots}; docs/paper.md says more')
    for dataset in absent:
        name = dataset.get('metainfo', {}).get('dataset_type', dataset.type)
        print(f'{name} is left out: {dataset.data_root} is not there', file=sys.stderr)
    config.test_dataloader, config.test_evaluator = map(list, zip(*there))


def check_written(config: Config, checkpoint: str, datasets: list) -> None:
    """See that what a test writes replaces nothing that it reads, and no two images have a name."""
    from masasr_mm.checkpoints.hub import files_of
    from masasr_mm.config import config_files
    from masasr_mm.engine.hooks.testing import image_file

    read = [*config_files(config), *files_of(checkpoint)]
    for dataset in datasets:
        read += getattr(dataset, 'image_paths', list)()
    written = [Path(config.work_dir, Path(config.filename).name)]
    tables = set()
    for hook in config.custom_hooks:
        if hook['type'] == 'PerImageMetricsHook':
            tables |= {Path(hook['out_dir'], f'metrics.{kind}') for kind in ('csv', 'json')}
        elif hook['type'] == 'SaveImagesHook':
            for dataset in datasets:
                name = dataset.metainfo.get('dataset_type') if len(datasets) > 1 else None
                paths = (dataset.get_data_info(i)['gt_path'] for i in range(len(dataset)))
                written += [Path(hook['out_dir'], image_file(path, name)) for path in paths]
    check_outputs([*written, *tables], read)


def main(args: argparse.Namespace) -> None:
    """Test."""
    from mmengine.device import get_device

    from masasr_mm import compat
    from masasr_mm.checkpoints.loading import load_generator, read_checkpoint
    from masasr_mm.config import check_data, load_config
    from masasr_mm.engine.runner import build_runner
    from masasr_mm.evaluation.metrics import add_metrics
    from masasr_mm.photos.inferencer import check_device
    from masasr_mm.system import keep_freed_memory, warn_of_emulation

    keep_freed_memory()
    if args.device:
        check_device(args.device)
    config = load_config(args.config, args.cfg_options, args.work_dir)
    config.launcher = args.launcher
    config.load_from, config.resume = None, False
    config.model.update(discriminator=None, gan_loss=None, perceptual_loss=None)
    hooks = [dict(type='MetricsTableHook')]
    if args.metrics:
        hooks.append(dict(type='PerImageMetricsHook', out_dir=args.metrics))
    if args.out:
        hooks += [
            dict(type=name, out_dir=args.out) for name in ('SaveImagesHook', 'PerImageMetricsHook')
        ]
    if args.show_matches:
        hooks.append(dict(type='MatchVisualizationHook', interval=1))
    config.custom_hooks = [*config.get('custom_hooks', []), *hooks]
    given = {key: value for key, value in vars(args).items() if key in ('tile', 'dtype')}
    config.model.test_cfg = dict(config.model.get('test_cfg') or {}, **given)
    warn_of_emulation('--dtype', given.get('dtype'), args.device or get_device())
    if config.get('leave_out_absent'):
        leave_out_absent(config)
    if args.limit:
        limit_images(config, args.limit)
    check_written(config, args.checkpoint, check_data(config, 'test'))
    add_metrics(config.test_evaluator, config.get('extra_metrics', []))
    read_checkpoint(args.checkpoint)

    compat.load_weights_only()
    compat.init_process_group_without_gpu(args.launcher)
    runner = build_runner(config, args.quiet)
    if args.device:
        runner.model.to(args.device)
    load_generator(runner.model, args.checkpoint)
    runner.test()


if __name__ == '__main__':
    exit_with_user_errors(lambda: main(parse_args()))
