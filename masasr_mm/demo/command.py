"""The command ``masasr-demo``."""

from __future__ import annotations

import argparse
import atexit
import os
import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError, exit_with_user_errors
from ..version import add_version
from ..weights import DEFAULT

DESCRIPTION = (
    'A page in the browser that super-resolves photos; on this machine alone unless told otherwise.'
)


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments (Sequence[str], optional): Its words without the command's name. Default: None,
            those of this process.

    Returns:
        argparse.Namespace: The options, under their names.
    """
    parser = argparse.ArgumentParser(description=DESCRIPTION)
    add_version(parser)
    parser.add_argument(
        '--checkpoint',
        default=DEFAULT,
        metavar='CKPT',
        help='photos or bicubic, which come with the package; or a checkpoint, ours or the '
        f"authors' (default: {DEFAULT})",
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
    parser.add_argument('--port', type=int, default=7860, help='to listen at (default: 7860)')
    limits = parser.add_argument_group('limits')
    limits.add_argument(
        '--photo-megapixels',
        type=float,
        default=1.0,
        metavar='M',
        help='of a photo at most (default: 1)',
    )
    limits.add_argument(
        '--ref-megapixels',
        type=float,
        default=12.0,
        metavar='M',
        help='of all references together (default: 12)',
    )
    limits.add_argument(
        '--refs', type=int, default=5, metavar='N', help='references of a photo (default: 5)'
    )
    limits.add_argument(
        '--file-megabytes',
        type=float,
        default=20.0,
        metavar='M',
        help='of a file at most (default: 20)',
    )
    limits.add_argument(
        '--keep-seconds',
        type=float,
        default=600.0,
        metavar='S',
        help='after which uploads and results are deleted (default: 600)',
    )
    return parser.parse_args(arguments)


def main() -> None:
    """Read the command line, serve the page until interrupted, and leave the process."""
    options = parse_args()
    exit_with_user_errors(lambda: serve(options))


def serve(options: argparse.Namespace) -> None:
    """Serve the page until interrupted.

    Args:
        options (argparse.Namespace): From :func:`parse_args`.

    Raises:
        UserError: If gradio is missing, or the checkpoint, the device or the port cannot be used.
    """
    from ..allocator import keep_freed_memory

    keep_freed_memory()
    # A job scheduler's way to end a process deletes uploads and results, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    uploads, results, examples = map(_temporary_folder, ('uploads', 'results', 'examples'))
    # Read by gradio when it is imported.
    os.environ.update(GRADIO_TEMP_DIR=str(uploads), GRADIO_ANALYTICS_ENABLED='False')
    try:
        from .page import build_page
    except ImportError as error:
        raise UserError(
            f"the page needs gradio ({error}): pip install 'gradio>=5.5,<5.15'"
        ) from error
    from .examples import write_examples
    from .service import Limits, Service, devices
    from .sweeping import sweep_always

    limits = Limits(
        options.photo_megapixels,
        options.ref_megapixels,
        options.refs,
        options.file_megabytes,
        options.keep_seconds,
    )
    service = Service(options.checkpoint, options.config, results, limits)
    device = options.device or devices()[0]
    service.warm_up(device)
    page = build_page(service, write_examples(examples), device)
    for folder in (uploads, results):
        sweep_always(folder, options.keep_seconds)
    try:
        page.launch(
            server_name=options.host,
            server_port=options.port,
            share=False,
            show_api=False,
            max_file_size=int(options.file_megabytes * 1_000_000),
            allowed_paths=[str(results), str(examples)],
        )
    except OSError as error:
        raise UserError(
            f'cannot listen at {options.host}, port {options.port}; choose another --port or --host'
        ) from error


def _temporary_folder(name: str) -> Path:
    """Make a folder that is deleted when the process ends."""
    folder = tempfile.mkdtemp(prefix=f'masasr-{name}-')
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
