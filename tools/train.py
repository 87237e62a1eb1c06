"""Train MASA with a config file."""

from __future__ import annotations

import argparse
import os

from masasr_mm.errors import UserError, exit_with_user_errors


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    from mmengine.config import DictAction

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', metavar='CONFIG', help='config file, such as those in configs/')
    parser.add_argument(
        '--work-dir', metavar='D', help='logs and checkpoints (default: work_dirs/<config name>)'
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='auto|CKPT',
        help='go on from the latest checkpoint in the work directory, or from the one given',
    )
    parser.add_argument('--amp', action='store_true', help='automatic mixed precision')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the batch size over all processes',
    )
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='config overrides'
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def use_mixed_precision(optim_wrapper: dict) -> None:
    """Turn every optimizer wrapper of a config into its mixed precision sibling."""
    from mmengine.device import is_cuda_available, is_npu_available

    if not (is_cuda_available() or is_npu_available()):
        raise UserError('--amp needs a GPU; on a CPU train without it')
    wrappers = [value for value in optim_wrapper.values() if isinstance(value, dict)]
    for wrapper in [optim_wrapper, *wrappers]:
        if wrapper.get('type') == 'OptimWrapper':
            wrapper.update(type='AmpOptimWrapper', loss_scale='dynamic')


def main() -> None:
    """Train."""
    args = parse_args()
    from mmengine.runner import Runner, find_latest_checkpoint

    from masasr_mm import compat
    from masasr_mm.apis.checkpoint import load_tensors
    from masasr_mm.apis.config import check_data, load_config

    config = load_config(args.config, args.cfg_options, args.work_dir)
    config.launcher = args.launcher
    if args.amp:
        use_mixed_precision(config.optim_wrapper)
    if args.auto_scale_lr:
        config.auto_scale_lr.enable = True
    if args.resume:
        config.resume = True
        config.load_from = None if args.resume == 'auto' else args.resume
    check_data(config, 'train', 'val')
    start = config.load_from or (config.resume and find_latest_checkpoint(config.work_dir))
    if start:
        load_tensors(start)

    compat.load_weights_only()
    compat.init_process_group_without_gpu(args.launcher)
    Runner.from_cfg(config).train()


if __name__ == '__main__':
    exit_with_user_errors(main)
