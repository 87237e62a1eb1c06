"""A page in the browser that super-resolves photos; on this machine alone unless told otherwise."""

from __future__ import annotations

import argparse
import atexit
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--checkpoint', required=True, metavar='CKPT', help="a checkpoint, ours or the authors'"
    )
    parser.add_argument(
        '--config',
        metavar='C',
        help='config of the model, Python code that is run (default: what the checkpoint says)',
    )
    parser.add_argument('--device', help='chosen at first (default: the best there is)')
    parser.add_argument(
        '--host',
        default='127.0.0.1',
        help='address to listen at; 0.0.0.0 lets the whole network in (default: 127.0.0.1)',
    )
    parser.add_argument('--port', type=int, default=7860, help='(default: 7860)')
    limits = parser.add_argument_group('limits')
    limits.add_argument(
        '--photo-megapixels', type=float, default=1.0, metavar='M', help='(default: 1)'
    )
    limits.add_argument(
        '--ref-megapixels', type=float, default=12.0, metavar='M', help='together (default: 12)'
    )
    limits.add_argument('--refs', type=int, default=5, metavar='N', help='(default: 5)')
    limits.add_argument(
        '--file-megabytes', type=float, default=20.0, metavar='M', help='(default: 20)'
    )
    limits.add_argument(
        '--keep-seconds',
        type=float,
        default=600.0,
        metavar='S',
        help='after which uploads and results are deleted (default: 600)',
    )
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    """Serve the page until interrupted."""
    from masasr_mm.allocator import keep_freed_memory
    from masasr_mm.errors import UserError

    keep_freed_memory()
    # A job scheduler's way to end a process deletes uploads and results, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    uploads, results, examples = map(_temporary_folder, ('uploads', 'results', 'examples'))
    # Read by gradio when it is imported.
    os.environ.update(GRADIO_TEMP_DIR=str(uploads), GRADIO_ANALYTICS_ENABLED='False')
    try:
        from page import build_page
    except ImportError as error:
        raise UserError(
            f'the page needs gradio ({error}): pip install -r requirements/demo.txt '
            '-c requirements/constraints.txt'
        ) from error
    from examples import write_examples
    from service import Limits, Service, devices
    from sweeping import sweep_always

    limits = Limits(
        args.photo_megapixels,
        args.ref_megapixels,
        args.refs,
        args.file_megabytes,
        args.keep_seconds,
    )
    service = Service(args.checkpoint, args.config, results, limits)
    device = args.device or devices()[0]
    service.warm_up(device)
    page = build_page(service, write_examples(examples), device)
    for folder in (uploads, results):
        sweep_always(folder, args.keep_seconds)
    try:
        page.launch(
            server_name=args.host,
            server_port=args.port,
            share=False,
            show_api=False,
            max_file_size=int(args.file_megabytes * 1_000_000),
            allowed_paths=[str(results), str(examples)],
        )
    except OSError as error:
        raise UserError(
            f'cannot listen at {args.host}, port {args.port}; choose another --port or --host'
        ) from error


def _temporary_folder(name: str) -> Path:
    """Make a folder that is deleted when the process ends."""
    folder = tempfile.mkdtemp(prefix=f'masasr-{name}-')
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    arguments = parse_args()
    from masasr_mm.errors import exit_with_user_errors

    exit_with_user_errors(lambda: main(arguments))
