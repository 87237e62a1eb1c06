"""Test a checkpoint with a config file: metrics as a table, and the images if asked for."""

from __future__ import annotations

import argparse
import os


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    from mmengine.config import DictAction

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', metavar='CONFIG', help='config file, such as those in configs/')
    parser.add_argument(
        'checkpoint',
        metavar='CHECKPOINT',
        help="a trained or converted one, or one of the authors'",
    )
    parser.add_argument('--work-dir', metavar='D', help='logs (default: work_dirs/<config name>)')
    parser.add_argument('--out', metavar='DIR', help='write every SR image and its metrics there')
    parser.add_argument(
        '--show-matches', action='store_true', help='draw where the texture of every image is from'
    )
    parser.add_argument(
        '--quiet',
        action='store_true',
        help='no log on the screen; the work directory has it all the same',
    )
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='config overrides'
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def main(args: argparse.Namespace) -> None:
    """Test."""
    from mmengine.runner import Runner

    from masasr_mm import compat
    from masasr_mm.allocator import keep_freed_memory
    from masasr_mm.apis.checkpoint import load_checkpoint, load_generator
    from masasr_mm.apis.config import check_data, load_config
    from masasr_mm.engine.quiet_runner import quiet_runner
    from masasr_mm.evaluation.extra_metrics import add_metrics

    keep_freed_memory()
    config = load_config(args.config, args.cfg_options, args.work_dir)
    config.launcher = args.launcher
    config.load_from, config.resume = None, False
    config.model.update(discriminator=None, gan_loss=None, perceptual_loss=None)
    hooks = [dict(type='MetricsTableHook')]
    if args.out:
        hooks += [
            dict(type=name, out_dir=args.out) for name in ('SaveImagesHook', 'PerImageMetricsHook')
        ]
    if args.show_matches:
        hooks.append(dict(type='MatchVisualizationHook', interval=1))
    config.custom_hooks = [*config.get('custom_hooks', []), *hooks]
    check_data(config, 'test')
    add_metrics(config.test_evaluator, config.get('extra_metrics', []))
    load_checkpoint(args.checkpoint)

    compat.load_weights_only()
    compat.init_process_group_without_gpu(args.launcher)
    runner = (quiet_runner if args.quiet else Runner.from_cfg)(config)
    load_generator(runner.model, args.checkpoint)
    runner.test()


if __name__ == '__main__':
    arguments = parse_args()
    from masasr_mm.errors import exit_with_user_errors

    exit_with_user_errors(lambda: main(arguments))
