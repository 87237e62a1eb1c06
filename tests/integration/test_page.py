"""The page with a server: jobs through gradio's client, a proxy, and the command itself."""

from __future__ import annotations

import http.server
import io
import json
import re
import secrets
import threading
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from masasr_mm.apis import MASAInferencer
from tests.blocking import blocked, wait_until
from tests.commands import free_port

pytest.importorskip('gradio', reason='gradio is not installed (requirements/demo.txt)')

PREFIX = '/some/prefix'


class Proxy(http.server.BaseHTTPRequestHandler):
    """Serves a page below a prefix, as a web server in front of it does."""

    upstream: str

    def do_GET(self) -> None:
        """Pass on, piece by piece: some answers have no end."""
        if not self.path.startswith(PREFIX):
            return self.send_error(404)
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        target = self.upstream + self.path.removeprefix(PREFIX)
        headers = {name: self.headers[name] for name in ('Content-Type',) if name in self.headers}
        headers['Host'] = self.headers['Host']
        with httpx.stream(self.command, target, content=body, headers=headers, timeout=60) as reply:
            self.send_response(reply.status_code)
            self.send_header('Content-Type', reply.headers['Content-Type'])
            self.end_headers()
            for part in reply.iter_bytes():
                self.wfile.write(part)
                self.wfile.flush()
        return None

    do_POST = do_GET

    def log_message(self, *args) -> None:
        """Say nothing."""


@pytest.fixture(scope='module')
def page(small_checkpoint, tmp_path_factory):
    """The service, and the addresses of its page: its own, and that of the proxy."""
    from masasr_mm.demo.page import build_page, write_examples
    from masasr_mm.demo.service import Limits, Service

    folder = tmp_path_factory.mktemp('page').resolve()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('GRADIO_TEMP_DIR', str(folder))
        patch.setenv('GRADIO_ANALYTICS_ENABLED', 'False')
        patch.setenv('HF_HUB_DISABLE_TELEMETRY', '1')
        patch.setenv('GRADIO_IS_E2E_TEST', '1')  # a closed tab is noticed at once
        service = Service(str(small_checkpoint), None, folder, Limits(photo_megapixels=0.01))
        service.warm_up('cpu')
        blocks = build_page(service, write_examples(folder / 'examples'), 'cpu')
        _, address, _ = blocks.launch(
            server_port=int(free_port()), root_path=PREFIX, prevent_thread_lock=True, quiet=True
        )
        handler = type('Handler', (Proxy,), dict(upstream=address.rstrip('/')))
        proxy = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
        proxy.daemon_threads = True
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield service, f'http://127.0.0.1:{proxy.server_port}{PREFIX}/'
        blocks.close()
        proxy.shutdown()
        proxy.server_close()


class Visitor:
    """A browser tab, without the browser."""

    def __init__(self, address: str) -> None:
        self.api = f'{address}gradio_api'
        self.session = secrets.token_hex(8)
        config = httpx.get(f'{address}config').json()
        names = {block['id']: block['props'].get('elem_id') for block in config['components']}
        #: The listeners by what they listen to, and what they output to.
        self.listeners = {
            (names.get(block), event): one['id']
            for one in config['dependencies']
            for block, event in one['targets']
        }
        after = {one['trigger_after']: one['id'] for one in config['dependencies']}
        self.work = after[self.listeners['run', 'click']]
        assert config['connect_heartbeat']
        self.open = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        """Hold the connection whose end says that the tab is closed."""
        with httpx.stream('GET', f'{self.api}/heartbeat/{self.session}', timeout=60) as reply:
            self.open.set()
            for _ in reply.iter_raw():
                if not self.open.is_set():
                    return

    def close(self) -> None:
        self.open.clear()

    def upload(self, path: Path) -> dict:
        reply = httpx.post(f'{self.api}/upload', files={'files': (path.name, path.read_bytes())})
        [where] = reply.json()
        return dict(path=where, orig_name=path.name, meta={'_type': 'gradio.FileData'})

    def call(self, listener: int, data: list) -> dict:
        """Call a listener that waits in gradio's queue; return its output or error."""
        body = dict(data=data, fn_index=listener, session_hash=self.session)
        event = httpx.post(f'{self.api}/queue/join', json=body, timeout=60).json()['event_id']
        address = f'{self.api}/queue/data?session_hash={self.session}'
        with httpx.stream('GET', address, timeout=240) as reply:
            for line in reply.iter_lines():
                message = json.loads(line.removeprefix('data:')) if line else {}
                if message.get('event_id') == event and message['msg'] == 'process_completed':
                    return message['output']
        raise AssertionError('no end')

    def cancel(self) -> None:
        body = dict(data=[], fn_index=self.listeners['cancel', 'click'], session_hash=self.session)
        httpx.post(f'{self.api}/run/predict', json=body, timeout=60).raise_for_status()

    def super_resolve(self, photo: Path, refs: list[Path], tile: str = 'automatic') -> dict:
        uploads = self.upload(photo), [self.upload(path) for path in refs]
        return self.call(self.work, [*uploads, 'cpu', tile, False, 0])


@pytest.fixture
def visitor(page):
    visitor = Visitor(page[1])
    yield visitor
    visitor.close()


def fetch(output: dict) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(httpx.get(output['url']).content)))


def test_a_visitor_behind_a_proxy_gets_what_the_api_gives(
    page, visitor, photo_files, small_checkpoint
):
    photo, ref, other = photo_files
    comparison, _, message, result, matches = visitor.super_resolve(photo, [ref, other])['data']
    assert 'data:image/webp' in comparison
    assert message.startswith('60×56 → 240×224 pixels. ')
    expected = MASAInferencer(small_checkpoint, device='cpu').predict(photo, [ref, other])
    assert result['url'].startswith(page[1])
    np.testing.assert_array_equal(fetch(result), expected.image)
    assert fetch(matches).shape[1] == 1300


def test_files_have_addresses_below_the_prefix(page):
    text = httpx.get(page[1]).text
    config = json.loads(re.search(r'window\.gradio_config = (\{.*?\});</script>', text).group(1))
    assert config['root'] == page[1].rstrip('/')
    props = {block['props'].get('elem_id'): block['props'] for block in config['components']}
    example = props['examples']['value'][0]['image']
    assert example['url'].startswith(page[1])
    assert fetch(example).shape == (75, 100, 3)


def test_errors_are_shown_in_one_line(visitor, photo_files):
    photo, ref, _ = photo_files
    output = visitor.super_resolve(ref, [ref])
    assert output['error'] == (
        'sharp.jpg has 0.0541 megapixels; this page takes photos of at most 0.01 megapixels: make '
        'it smaller'
    )
    assert 'upload at least one reference' in visitor.super_resolve(photo, [])['error']
    # A preview is refused with a warning, and what was shown before is hidden.
    upload, listeners = visitor.upload(ref), visitor.listeners
    [preview] = visitor.call(listeners['photo', 'change'], [upload])['data']
    assert preview['visible'] is False
    [preview] = visitor.call(listeners['references', 'change'], [[upload]])['data']
    assert fetch(preview['value'][0]['image']).shape == (234, 231, 3)


@pytest.mark.parametrize('how', [Visitor.cancel, Visitor.close])
def test_a_job_is_cancelled(page, photo_files, how):
    """By the button or by closing the tab, while it waits or runs."""
    (service, address), outputs = page, []

    def start() -> Visitor:
        visitor = Visitor(address)
        assert visitor.open.wait(60)

        def work() -> None:
            outputs.append(visitor.super_resolve(photo_files[0], [photo_files[1]]))

        threading.Thread(target=work, daemon=True).start()
        return visitor

    with blocked(service._inferencer('cpu').generator) as (started, _):
        running = start()
        assert started.wait(120)
        waiting = start()
        wait_until(lambda: len(service.jobs()) == 2)
        how(waiting)
        wait_until(lambda: len(service.jobs()) == 1)
        how(running)
        wait_until(lambda: all(job.cancelled.is_set() for job in service.jobs()))
    wait_until(lambda: not service.jobs() and len(outputs) == 2)
    for output in outputs:
        assert all(value == {'__type__': 'update'} for value in output['data'])
