"""Checkpoints from a server on this machine, which behaves well or badly."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import torch

from masasr_mm.apis import MASAInferencer
from masasr_mm.checkpoints import hub as hub_module
from masasr_mm.checkpoints.hub import local_file
from masasr_mm.errors import UserError
from masasr_mm.tensor_files import write_tensors

COMMIT = 'c' * 40


class Handler(BaseHTTPRequestHandler):
    """Serves the files of ``folder``, and answers badly by the names in ``bad``."""

    protocol_version = 'HTTP/1.1'
    folder: Path

    def log_message(self, *arguments) -> None:
        pass

    def do_HEAD(self) -> None:  # as Hugging Face's hub does
        self.answer(self.path, head=True)

    def do_GET(self) -> None:
        self.answer(self.path)

    def answer(self, path: str, head: bool = False) -> None:
        bad = dict(
            silent=(None, ()),
            slow=(10**6, drops()),
            endless=(None, repeat(bytes(2**16))),
            large=(2**40, [b'PK']),
            short=(1000, [b'PK']),
            shortchunks=('chunked', [b'5\r\nPK']),
            page=(6, [b'<html>']),
        )
        name = Path(path.partition('?')[0].replace(f'resolve/{COMMIT}', 'resolve/main')).stem
        file = self.folder / path.partition('?')[0].replace(COMMIT, 'main').strip('/')
        if name not in bad and not file.is_file():
            self.send_error(404)
            return
        if name == 'silent':
            time.sleep(2)
        content = b'' if name in bad else file.read_bytes()
        length, parts = bad.get(name, (len(content), [content]))
        self.send_response(200)
        self.send_header('ETag', f'"{name}"')
        self.send_header('X-Repo-Commit', COMMIT)
        if length == 'chunked':
            self.send_header('Transfer-Encoding', 'chunked')
        elif length is not None:
            self.send_header('Content-Length', str(length))
        self.send_header('Connection', 'close')
        self.end_headers()
        self.close_connection = True
        if not head:
            try:
                for part in parts:
                    self.wfile.write(part)
            except OSError:  # nobody listens any more
                pass


def drops() -> Iterator[bytes]:
    while True:
        yield b'x'
        time.sleep(0.05)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The address of a server, and the folder that it serves; all caches are empty."""
    monkeypatch.setattr(torch.hub, '_hub_dir', None)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    folder = tmp_path / 'served'
    folder.mkdir()
    handler = type('HandlerOfAFolder', (Handler,), dict(folder=folder))
    server = ThreadingHTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}', folder
    server.shutdown()
    server.server_close()


def kept(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / 'cache').rglob('*') if path.is_file()]


def checkpoint(path: Path, value: float = 0.0) -> bytes:
    write_tensors({'generator.x': torch.tensor(value)}, path)
    return path.read_bytes()


def test_it_is_downloaded_once(server):
    address, folder = server
    content = checkpoint(folder / 'a.pth')
    first = local_file(f'{address}/a.pth?download=1')
    (folder / 'a.pth').unlink()
    assert local_file(f'{address}/a.pth?download=1') == first
    assert Path(first).read_bytes() == content
    # Of another place, another file.
    checkpoint(folder / 'b' / 'a.pth', 1.0)
    assert local_file(f'{address}/b/a.pth') != first


def test_a_checksum_in_the_name_must_be_right(server, tmp_path):
    address, folder = server
    content = checkpoint(folder / 'a.pth')
    found = hashlib.sha256(content).hexdigest()
    while found[:8].isdigit():  # such a beginning is no checksum
        content = checkpoint(folder / 'a.pth', np.random.default_rng().random())
        found = hashlib.sha256(content).hexdigest()
    for length in (8, 64):
        (folder / f'a-{found[:length]}.pth').write_bytes(content)
        assert local_file(f'{address}/a-{found[:length]}.pth')
    for wrong in ('0123456a', found[:10] + ('0' if found[10] == '1' else '1')):
        (folder / f'b-{wrong}.pth').write_bytes(content)
        with pytest.raises(UserError, match=rf'b-{wrong}\.pth: not the file of that checksum, .*'):
            local_file(f'{address}/b-{wrong}.pth')
        assert not any(wrong in name for name in kept(tmp_path))


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('missing.pth', 'cannot be downloaded: HTTP Error 404'),
        ('silent.pth', 'cannot be downloaded: .*timed out'),
        ('slow.pth', 'cannot be downloaded: less than 1000 bytes came in 0.5 s'),
        ('endless.pth', 'cannot be downloaded: it is larger than 0.000977 GiB'),
        ('large.pth', 'cannot be downloaded: it is larger than'),
        ('short.pth', 'cannot be downloaded: it ends after 2 of 1000 bytes'),
        ('shortchunks.pth', 'cannot be downloaded: IncompleteRead'),
        ('page.pth', 'not kept, refused, it is damaged'),
        ('page.safetensors', 'not kept, not a readable safetensors file'),
        ('', 'names no file'),
        ('a%00.pth', 'names no file'),
        ('..', 'names no file'),
    ],
)
def test_what_cannot_be_had_is_one_line_and_leaves_nothing(
    name, message, server, tmp_path, monkeypatch
):
    monkeypatch.setattr(hub_module, 'TIMEOUT', 0.5)
    monkeypatch.setattr(hub_module, 'MIN_BYTES', 1000)
    monkeypatch.setattr(hub_module, 'MAX_BYTES', 2**20)
    url = f'{server[0]}/{name}'
    with pytest.raises(UserError, match=message) as error:
        local_file(url)
    assert str(error.value).startswith(f'{url}: ')
    assert kept(tmp_path) == []


def test_the_inferencer_takes_a_url(server, small_checkpoint, photos):
    address, folder = server
    (folder / 'small.pth').write_bytes(small_checkpoint.read_bytes())
    lq, ref, _ = photos
    have = MASAInferencer(f'{address}/small.pth', device='cpu')(lq, ref)
    np.testing.assert_array_equal(have, MASAInferencer(small_checkpoint, device='cpu')(lq, ref))


@pytest.fixture
def hub(server, tmp_path, monkeypatch, small_checkpoint):
    """Hugging Face's hub on this machine, with one repository, and its folder there."""
    from huggingface_hub import constants

    address, folder = server
    url = address + '/{repo_id}/resolve/{revision}/{filename}'
    monkeypatch.setattr('huggingface_hub.file_download.HUGGINGFACE_CO_URL_TEMPLATE', url)
    monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(tmp_path / 'hub'))
    place = folder / 'someone' / 'masa' / 'resolve' / 'main'
    MASAInferencer(small_checkpoint, device='cpu').save_pretrained(place)
    return place


def test_weights_come_from_the_hub_once(hub, small_checkpoint, photos, monkeypatch):
    (hub / 'pytorch_model.bin').write_bytes(b'is not asked for')
    lq, ref, _ = photos
    expected = MASAInferencer(small_checkpoint, device='cpu')(lq, ref)
    infer = MASAInferencer.from_pretrained('someone/masa', device='cpu')
    np.testing.assert_array_equal(infer(lq, ref), expected)
    nowhere = 'http://127.0.0.1:1/{repo_id}/{revision}/{filename}'
    monkeypatch.setattr('huggingface_hub.file_download.HUGGINGFACE_CO_URL_TEMPLATE', nowhere)
    MASAInferencer.from_pretrained('someone/masa', device='cpu')


@pytest.fixture
def folder(small_checkpoint, tmp_path):
    MASAInferencer(small_checkpoint, device='cpu').save_pretrained(tmp_path / 'weights')
    return tmp_path / 'weights'


def test_there_and_back(folder, small_checkpoint, photos):
    lq, ref, _ = photos
    expected = MASAInferencer(small_checkpoint, device='cpu')(lq, ref)
    for infer in (
        MASAInferencer.from_pretrained(folder, device='cpu'),
        MASAInferencer(folder, device='cpu'),
    ):
        np.testing.assert_array_equal(infer(lq, ref), expected)
    assert json.loads((folder / 'config.json').read_text())['channels'] == 8


def test_nothing_is_written_over_what_the_weights_came_from(folder, small_checkpoint, tmp_path):
    infer = MASAInferencer(folder, device='cpu')
    config = tmp_path / 'named' / 'config.json'
    config.parent.mkdir()
    config.write_text(json.dumps(dict(model=dict(generator=infer.config))))
    single = MASAInferencer(small_checkpoint, str(config), device='cpu')
    before = {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()}
    for saved, out in ((infer, folder), (single, config.parent)):
        with pytest.raises(UserError, match='is read and would be written over'):
            saved.save_pretrained(out, torch.float16)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()}
    infer.save_pretrained(tmp_path / 'new', torch.float16)


def test_weights_that_half_precision_does_not_hold_are_not_written(small_checkpoint, tmp_path):
    infer = MASAInferencer(small_checkpoint, device='cpu')
    infer.generator.to_image.bias.data[1] = 1e5
    with pytest.raises(UserError, match=r"'to_image\.bias' is not finite in torch\.float16"):
        infer.save_pretrained(tmp_path / 'half', torch.float16)
    assert not (tmp_path / 'half').exists()


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda folder: (folder / 'config.json').unlink(), r'config\.json is not in this folder'),
        (lambda folder: (folder / 'config.json').write_text('{'), 'not readable as JSON'),
        (lambda folder: (folder / 'config.json').write_text('[' * 10**5), 'not readable as JSON'),
        (lambda folder: (folder / 'config.json').write_text('3'), 'no config of a network'),
        (lambda folder: (folder / 'config.json').write_text(' ' * 10**6 + '{}'), 'not readable'),
        (lambda folder: (folder / 'config.json').write_text('{"channels": NaN}'), 'more than 1024'),
        (lambda folder: (folder / 'config.json').write_text('{"channels": 1e999}'), 'than 1024'),
        (lambda folder: (folder / 'model.safetensors').write_bytes(b'x'), 'not a readable'),
        (lambda folder: (folder / 'config.json').write_text('{}'), 'does not fit the network'),
    ],
)
def test_what_is_wrong_is_one_line(folder, change, words):
    change(folder)
    with pytest.raises(UserError, match=words):
        MASAInferencer(folder)
