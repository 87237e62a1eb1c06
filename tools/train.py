"""Train MASA with a config file."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mmengine.config import Config, DictAction

from masasr_mm.errors import UserError, exit_with_user_errors
from masasr_mm.files import check_outputs
from masasr_mm.version import add_version


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_version(parser)
    parser.add_argument('config', metavar='CONFIG', help='config file, such as those in configs/')
    parser.add_argument(
        '--work-dir', metavar='D', help='logs and checkpoints (default: work_dirs/<config name>)'
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='auto|CKPT',
        help='go on from the newest whole checkpoint in the work directory (from the start, if it '
        'has none yet), or from the one given',
    )
    parser.add_argument(
        '--load-from',
        metavar='CKPT',
        help="begin with a checkpoint's weights: photos or bicubic, which come with the package, "
        "or a file, ours or the authors', or a URL; as its generator is trained, the adversarial "
        'stage begins at once (train_cfg.pixel_init is 0)',
    )
    parser.add_argument(
        '--seed', type=int, metavar='N', help='of all random numbers (default: another each time)'
    )
    parser.add_argument(
        '--deterministic',
        action='store_true',
        help='only algorithms whose results are the same each time, which may be slower, or an '
        'error where there is none; give a --seed as well',
    )
    parser.add_argument(
        '--amp',
        nargs='?',
        const='float16',
        choices=['float16', 'bfloat16'],
        help='automatic mixed precision: float16 with a scaled loss (where nothing follows), on '
        'GPUs alone, or bfloat16, on CPUs too',
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the batch size over all processes',
    )
    parser.add_argument(
        '--quiet',
        action='store_true',
        help='a bar with loss and PSNR on the screen in place of the log, which the work directory '
        'has all the same',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what starts the processes of a training in several (default: none, it is one)',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='config overrides'
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def use_mixed_precision(optim_wrapper: dict, dtype: str) -> None:
    """Turn every optimizer wrapper of a config into its mixed precision sibling."""
    from mmengine.device import is_cuda_available, is_npu_available

    mixed = dict(type='AutocastOptimWrapper')
    if dtype == 'float16':
        if not (is_cuda_available() or is_npu_available()):
            raise UserError('--amp in float16 needs a GPU; on a CPU give --amp bfloat16')
        mixed = dict(type='AmpOptimWrapper', loss_scale='dynamic')
    wrappers = [value for value in optim_wrapper.values() if isinstance(value, dict)]
    for wrapper in [optim_wrapper, *wrappers]:
        if wrapper.get('type') == 'OptimWrapper':
            wrapper.update(mixed)


def join_processes(launcher: str, env_cfg: dict) -> None:
    """Set up the process group as the Runner would, before the processes decide anything."""
    from mmengine.dist import init_dist, is_distributed
    from mmengine.utils.dl_utils import set_multi_processing

    from masasr_mm import compat

    compat.init_process_group_without_gpu(launcher)
    if launcher != 'none' and not is_distributed():
        set_multi_processing(**env_cfg.get('mp_cfg', {}), distributed=True)
        init_dist(launcher, **env_cfg.get('dist_cfg', {}))


def choose_start(config: Config, resume: str | None) -> None:
    """Set the checkpoint that the training goes on from, or none; the same in all processes."""
    from mmengine.dist import is_main_process

    from masasr_mm.checkpoints.loading import newest_checkpoint

    if resume is None and config.resume and not config.load_from:
        resume = 'auto'
    if resume == 'auto':
        resume = newest_checkpoint(config.work_dir)
        config.resume = resume is not None
        # Weights to begin with serve a run that has not saved yet, and no other.
        config.load_from = str(resume) if resume else config.load_from
        if not resume and is_main_process():
            print(f'{config.work_dir} has no checkpoint yet: the training begins at its start')
    elif resume is not None:
        config.resume, config.load_from = True, resume


def check_work_dir(config: Config) -> None:
    """See that what a training writes replaces nothing that it reads."""
    from masasr_mm.checkpoints.hub import files_of
    from masasr_mm.config import config_files

    start = files_of(config.load_from) if config.load_from else []
    copy = Path(config.work_dir, Path(config.filename).name)
    check_outputs([copy], [*config_files(config), *start])
    if start and not config.resume and Path(start[0]).resolve().parent == copy.parent.resolve():
        raise UserError(
            f'{start[0]} lies in the work directory, whose checkpoints a new training replaces; '
            'choose another --work-dir, or --resume'
        )


def main(args: argparse.Namespace) -> None:
    """Train."""
    from mmengine.device import get_device
    from mmengine.dist import is_main_process

    from masasr_mm import compat
    from masasr_mm.checkpoints.loading import check_start
    from masasr_mm.config import check_data, load_config
    from masasr_mm.engine.runner import build_runner, through_this_package
    from masasr_mm.system import keep_freed_memory, warn_of_emulation

    keep_freed_memory()
    config = load_config(args.config, args.cfg_options, args.work_dir)
    config.launcher = args.launcher
    if args.amp:
        use_mixed_precision(config.optim_wrapper, args.amp)
    if args.auto_scale_lr:
        config.auto_scale_lr.enable = True
    if args.quiet:
        config.custom_hooks = [*config.get('custom_hooks', []), dict(type='ProgressBarHook')]
    if args.seed is not None or args.deterministic:
        given = dict(deterministic=args.deterministic)
        if args.seed is not None:
            given['seed'] = args.seed
        config.randomness = dict(config.get('randomness') or {}, **given)
    if args.load_from:
        config.load_from = args.load_from
        # Its generator is trained, so it takes no warm-up.
        config.model.train_cfg = dict(config.model.get('train_cfg') or {}, pixel_init=0)
    check_data(config, 'train', 'val')
    compat.load_weights_only()
    join_processes(args.launcher, config.get('env_cfg', {}))
    if is_main_process():
        warn_of_emulation('--amp', args.amp, get_device())
    choose_start(config, args.resume)
    check_work_dir(config)
    if config.load_from:
        check_start(config.load_from, config.model, config.resume)
        if not config.resume:
            config.load_from = through_this_package(config.load_from)
    build_runner(config, args.quiet).train()


if __name__ == '__main__':
    exit_with_user_errors(lambda: main(parse_args()))
