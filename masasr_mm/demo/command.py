"""The command ``masasr-demo``."""

from __future__ import annotations

import argparse
import atexit
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..cli.values import number, whole_number
from ..errors import UserError, exit_with_user_errors
from ..version import add_version
from ..weights import DEFAULT

DESCRIPTION = (
    'A page in the browser that super-resolves photos; only this machine can reach it unless '
    '--host says otherwise.'
)
#: Name, type, default, placeholder and help of the options, in the order of ``service.Limits``.
LIMITS = (
    ('photo-megapixels', number(0.001, 1000), 1, 'M', 'of a photo at most'),
    ('ref-megapixels', number(0.001, 1000), 12, 'M', 'of all references together'),
    ('refs', whole_number(1, 100), 5, 'N', 'references of a photo'),
    ('file-megabytes', number(0.001, 10_000), 20, 'M', 'of a file at most'),
    ('keep-seconds', number(1, 10**9), 600, 'S', 'until unused uploads and results are deleted'),
)


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line, by default that of this process."""
    parser = argparse.ArgumentParser(description=DESCRIPTION)
    add_version(parser)
    parser.add_argument(
        '--checkpoint',
        default=DEFAULT,
        metavar='CKPT',
        help='photos, sharp or bicubic, which come with the package; or a checkpoint, ours or the '
        f"authors' (default: {DEFAULT})",
    )
    parser.add_argument(
        '--config',
        metavar='C',
        help='config of the model, Python code that is run (default: what the checkpoint says)',
    )
    parser.add_argument(
        '--ref-from',
        metavar='FOLDER',
        help='find references here, or below, for visitors who upload none; they see what was '
        'found (default: they must upload one)',
    )
    parser.add_argument('--device', help='chosen at first (default: the best there is)')
    parser.add_argument(
        '--host',
        default='127.0.0.1',
        help='address to listen at; 0.0.0.0 lets the whole network in (default: 127.0.0.1)',
    )
    parser.add_argument(
        '--port', type=whole_number(1, 65535), default=7860, help='to listen at (default: 7860)'
    )
    parser.add_argument(
        '--root-path',
        type=_root_path,
        metavar='PATH',
        help='where a proxy shows the page, such as /masasr or https://example.org/masasr '
        '(default: at the root)',
    )
    limits = parser.add_argument_group('limits')
    for name, kind, default, metavar, text in LIMITS:
        limits.add_argument(
            f'--{name}',
            type=kind,
            default=default,
            metavar=metavar,
            help=f'{text} (default: {default})',
        )
    return parser.parse_args(arguments)


def main() -> None:
    """Read the command line, serve the page until interrupted, and leave the process."""
    options = parse_args()
    exit_with_user_errors(lambda: serve(options))


def serve(options: argparse.Namespace) -> None:
    """Serve the page until interrupted."""
    from ..system import keep_freed_memory

    keep_freed_memory()
    # A job scheduler's way to end a process deletes uploads and results, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix='masasr-')).resolve()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # Read by gradio when it is imported.
    os.environ.update(GRADIO_TEMP_DIR=str(folder), GRADIO_ANALYTICS_ENABLED='False')
    try:
        from .page import build_page, write_examples
    except ImportError as error:
        raise UserError(
            f"the page needs gradio ({error}): pip install 'gradio>=5.14,<5.15'"
        ) from error
    from ..photos.album import Album
    from .service import Limits, Service, devices, sweep_always

    limits = Limits(*(getattr(options, name.replace('-', '_')) for name, *_ in LIMITS))
    album = Album(options.ref_from) if options.ref_from else None
    service = Service(options.checkpoint, options.config, folder, limits, album)
    device = options.device or devices()[0]
    service.warm_up(device)
    for line in album.update() if album else ():
        print(line, file=sys.stderr)
    examples = write_examples(folder / 'examples')
    page = build_page(service, examples, device)
    sweep_always(service, keep={path for photo, refs in examples for path in (photo, *refs)})
    try:
        page.launch(
            server_name=options.host,
            server_port=options.port,
            root_path=options.root_path,
            share=False,
            show_api=False,
            max_file_size=int(options.file_megabytes * 1_000_000),
        )
    except OSError as error:
        raise UserError(
            f'cannot listen at {options.host}, port {options.port}; choose another --port or --host'
        ) from error


def _root_path(text: str) -> str:
    if not text.startswith(('/', 'http://', 'https://')):
        raise argparse.ArgumentTypeError(f'{text} does not begin with / or https://')
    return text.rstrip('/')
