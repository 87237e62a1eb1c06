"""The page in a real browser, as a visitor uses it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import pytest
from PIL import Image

from tests.commands import free_port, run_python, succeed, wait_for_page
from tests.conftest import REPOSITORY

pytest.importorskip('gradio', reason='gradio is not installed (requirements/demo.txt)')
pytest.importorskip('selenium', reason='selenium is not installed (pip install selenium)')
CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')
DRIVER = shutil.which('chromedriver')
pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason='there is no chromium or google-chrome'),
    pytest.mark.skipif(not DRIVER, reason='there is no chromedriver'),
]

KEEP_SECONDS = 30


@pytest.fixture(scope='module')
def page(small_checkpoint, tmp_path_factory):
    """The address of the page, and the folder that its temporary files are in."""
    folder, port = tmp_path_factory.mktemp('page'), free_port()
    options = ['--checkpoint', str(small_checkpoint), '--device', 'cpu', '--port', port]
    options += ['--keep-seconds', str(KEEP_SECONDS), '--photo-megapixels', '0.01']
    process = subprocess.Popen(
        [sys.executable, str(REPOSITORY / 'demo' / 'app.py'), *options],
        env=dict(os.environ, PYTHONPATH=str(REPOSITORY), TMPDIR=str(folder), OMP_NUM_THREADS='1'),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f'http://127.0.0.1:{port}/'
    try:
        wait_for_page(address, process)
        yield address, folder
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    assert [path.name for path in folder.iterdir() if path.name.startswith('masasr')] == []


@contextmanager
def open_browser(address: str) -> Iterator:
    """A browser that shows the page."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        'headless=new', 'no-sandbox', 'disable-gpu', 'disable-dev-shm-usage',
        'window-size=1300,1800', 'disable-background-networking', 'disable-component-update',
        'disable-sync',
        # Nothing outside this machine is looked up.
        'host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ):  # fmt: skip
        options.add_argument(f'--{argument}')
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        driver.get(address)
        until(driver, lambda: find(driver, '#photo input[type=file]'))
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def browser(page):
    with open_browser(page[0]) as driver:
        yield driver


def until(driver, condition, seconds=120):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, seconds).until(lambda _: condition())


def find(driver, selector):
    return driver.find_elements('css selector', selector)


def upload(driver, box, *paths):
    [field] = find(driver, f'#{box} input[type=file]')
    field.send_keys('\n'.join(map(str, paths)))


def until_previewed(driver, *counts):
    """Wait until the page shows that many photos and references."""
    for box, count in zip(('photo', 'references'), counts):
        pictures = f'#{box}-preview img'
        until(driver, lambda css=pictures, count=count: len(find(driver, css)) == count)


def message(driver):
    """Return the page's error or warning."""
    return until(driver, lambda: ' '.join(toast.text for toast in find(driver, '.toast-body')))


def test_a_visitor_gets_what_the_command_gives(
    browser, page, photo_files, small_checkpoint, tmp_path
):
    photo, ref, other = photo_files
    upload(browser, 'photo', photo)
    upload(browser, 'references', ref, other)
    until_previewed(browser, 1, 2)
    find(browser, '#run')[0].click()
    [link] = until(browser, lambda: find(browser, '#result a'))
    address = link.get_attribute('href')
    with urllib.request.urlopen(address) as answer:
        (tmp_path / 'result.png').write_bytes(answer.read())
    with Image.open(tmp_path / 'result.png') as image:
        result = np.asarray(image)
    assert result.shape == (224, 240, 3)
    # A process as well, so that both have the extra matchers, or neither.
    options = ('--checkpoint', small_checkpoint, '--device', 'cpu', '--dtype', 'float32')
    arguments = (photo, '--ref', ref, other, *options, '--out', tmp_path / 'expected.png')
    succeed(run_python('-m', 'masasr_mm.cli', *arguments))
    np.testing.assert_array_equal(result, np.asarray(Image.open(tmp_path / 'expected.png')))
    said = until(browser, lambda: find(browser, '#message')[0].text)
    assert said.startswith('60×56 → 240×224 pixels. ')
    assert len(find(browser, '#comparison img')) == 2
    assert until(browser, lambda: find(browser, '#matches img'))

    # The slider moves the border between the two pictures.
    [before] = find(browser, '#comparison img:nth-of-type(2)')
    border = before.value_of_css_property('clip-path')
    slider = find(browser, '#comparison input[type=range]')[0]
    slider.send_keys('\ue014' * 20)  # arrow right
    until(browser, lambda: before.value_of_css_property('clip-path') != border)

    # Uploads and results are deleted after their time, which is made to be over.
    names = {'photo.png', 'sharp.jpg', 'other.png', 'photo_x4.png'}
    mine = [path for path in page[1].rglob('*.*') if path.name in names]
    assert {path.name for path in mine} == names
    for path in mine:
        os.utime(path, (0, 0))
    until(browser, lambda: not any(path.exists() for path in mine))
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(address)
    find(browser, '#run')[0].click()
    assert 'Error' in message(browser)


def test_an_example_runs_without_an_upload(browser):
    from selenium.common.exceptions import TimeoutException

    assert not find(browser, '#photo-preview img')
    [example, *_] = until(browser, lambda: find(browser, '#examples .thumbnail-item'))

    def shown() -> list:
        """Click until it is heard: the pictures may be there before the page's code is."""
        example.click()
        with suppress(TimeoutException):
            return until(browser, lambda: find(browser, '#photo-preview img'), seconds=15)
        return []

    until(browser, shown)
    until_previewed(browser, 1, 1)
    find(browser, '#run')[0].click()
    [link] = until(browser, lambda: find(browser, '#result a'))
    assert link.get_attribute('href').endswith('motorcycle_x4.png')
