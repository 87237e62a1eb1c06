"""Checkpoints from a server on this machine."""

from __future__ import annotations

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch

from masasr_mm.apis import MASAInferencer
from masasr_mm.checkpoints.downloads import local_file
from masasr_mm.errors import UserError


class Handler(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The address of a server, and the folder that it serves; torch's cache is empty."""
    monkeypatch.setattr(torch.hub, '_hub_dir', None)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    folder = tmp_path / 'served'
    folder.mkdir()
    server = ThreadingHTTPServer(('127.0.0.1', 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}', folder
    server.shutdown()
    server.server_close()


def test_a_file_is_a_file(tmp_path):
    assert local_file(tmp_path / 'a.pth') == str(tmp_path / 'a.pth')


def test_it_is_downloaded_once(server):
    address, folder = server
    (folder / 'a.pth').write_bytes(b'first')
    first = local_file(f'{address}/a.pth?download=1')
    (folder / 'a.pth').unlink()
    assert local_file(f'{address}/a.pth?download=1') == first
    with open(first, 'rb') as file:
        assert file.read() == b'first'
    # Of another place, another file.
    (folder / 'b').mkdir()
    (folder / 'b' / 'a.pth').write_bytes(b'second')
    assert local_file(f'{address}/b/a.pth') != first


def test_a_checksum_in_the_name_must_be_right(server, tmp_path):
    address, folder = server
    right = f'a-{hashlib.sha256(b"content").hexdigest()[:8]}.pth'
    for name in (right, 'a-01234567.pth'):
        (folder / name).write_bytes(b'content')
    assert local_file(f'{address}/{right}').endswith(right)
    with pytest.raises(UserError, match=r'a-01234567\.pth: not the file of that checksum'):
        local_file(f'{address}/a-01234567.pth')
    assert not list((tmp_path / 'cache').rglob('*01234567*'))


def test_what_cannot_be_had_is_told_in_one_line(server):
    address, _ = server
    for url, message in (
        (f'{address}/missing.pth', r'missing\.pth: cannot be downloaded: HTTP Error 404'),
        ('http://127.0.0.1:1/a.pth', r'a\.pth: cannot be downloaded: .*refused'),
        (f'{address}/', 'names no file'),
    ):
        with pytest.raises(UserError, match=message) as error:
            local_file(url)
        assert '\n' not in str(error.value)


def test_the_inferencer_takes_a_url(server, small_checkpoint, photos):
    address, folder = server
    (folder / 'small.pth').write_bytes(small_checkpoint.read_bytes())
    lq, ref, _ = photos
    have = MASAInferencer(f'{address}/small.pth', device='cpu')(lq, ref)
    np.testing.assert_array_equal(have, MASAInferencer(small_checkpoint, device='cpu')(lq, ref))
