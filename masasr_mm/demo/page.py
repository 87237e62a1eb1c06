"""The demo page in gradio: what is where, and what happens on a click."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path

import gradio as gr
import numpy as np
from PIL import Image

from ..errors import UserError, explain
from ..images.io import HEIF_SUFFIXES
from .service import MAX_WAITING, Job, JobCancelledError, Service, devices

INTRODUCTION = """
# MASA-SR
Makes a small or blurry photo larger, with the texture of sharp photos of a similar scene, its
references. Upload both, or click on an example.
"""
ALBUM = ' Without a reference one is looked for in an album of this machine.'
WAITING = """
<div style="display: grid; place-items: center; min-height: 360px; border-radius: 8px;
  border: 2px dashed var(--border-color-primary); color: var(--body-text-color-subdued)">
  The result will be here, over the enlarged photo: drag the line between them.
</div>
"""
TILES = {'automatic': 'auto', 'none': None, '64': 64, '128': 128, '256': 256}
#: Not every browser and system takes the latter for images.
KINDS = ['image', *HEIF_SUFFIXES]
#: Galleries are as high as their pictures.
STYLE = '.pictures .grid-wrap { min-height: 0; overflow-y: auto }'
#: The system's fonts; gradio's own come from another server.
FONT = ('ui-sans-serif', 'system-ui', 'sans-serif')
QUIET = dict(show_progress='hidden', show_api=False)
GALLERY = dict(
    show_label=False,
    columns=3,
    height='auto',
    object_fit='contain',
    interactive=False,
    elem_classes='pictures',
)

SLIDER_PIXELS = 1600  # at most on the page; the file to download has all
BADGE = (
    'position: absolute; top: 8px; padding: 2px 10px; border-radius: 10px; line-height: 1.5; '
    'color: white; background: rgb(0 0 0 / 55%)'
)
SLIDER = """
<div style="--at: 50%; position: relative; line-height: 0; user-select: none; overflow: hidden;
  border-radius: 8px">
  <img alt="{after_name}" src="{after}" style="width: 100%">
  <img alt="{before_name}" src="{before}" style="position: absolute; inset: 0; width: 100%;
    clip-path: inset(0 calc(100% - var(--at)) 0 0)">
  <span style="{badge}; left: 8px">{before_name}</span>
  <span style="{badge}; right: 8px">{after_name}</span>
  <div style="position: absolute; top: 0; bottom: 0; left: calc(var(--at) - 1px); width: 2px;
    background: white; box-shadow: 0 0 3px black">
    <div style="position: absolute; top: 50%; left: -17px; width: 36px; height: 36px;
      margin-top: -18px; border-radius: 50%; background: white; color: black; line-height: 36px;
      text-align: center; box-shadow: 0 0 3px black">&#x2194;</div>
  </div>
  <input type="range" min="0" max="100" step="0.5" value="50"
    aria-label="{before_name} or {after_name}"
    oninput="this.parentElement.style.setProperty('--at', this.value + '%')"
    style="position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0;
    cursor: ew-resize; touch-action: pan-y">
</div>
"""

Example = tuple[str, list[str]]  # the files of a photo and of its references


def build_page(service: Service, examples: list[Example], device: str) -> gr.Blocks:
    """Build the page, ready to be launched."""
    theme = gr.themes.Default(font=FONT, font_mono=('ui-monospace', 'monospace'))
    with gr.Blocks(title='MASA-SR', theme=theme, css=STYLE, analytics_enabled=False) as page:
        gr.Markdown(INTRODUCTION)
        with gr.Row():
            with gr.Column(scale=1, min_width=320):
                photo = _upload('Photo', 'single', lambda path: service.preview(photo=path))
                refs = _upload(
                    'References', 'multiple', lambda paths: service.preview(refs=paths or [])
                )
                run = gr.Button('Super-resolve', variant='primary', elem_id='run')
                stop = gr.Button('Cancel', variant='stop', elem_id='cancel', visible=False)
                options = _options(service, device)
                _example_gallery(examples, photo, refs)
                gr.Markdown(service.limits.in_words() + (ALBUM if service.album else ''))
            with gr.Column(scale=2):
                comparison = gr.HTML(WAITING, elem_id='comparison')
                with gr.Column(visible=False) as details:
                    message = gr.Markdown(elem_id='message')
                    file = gr.File(label='Result', interactive=False, height=80, elem_id='result')
                    gr.Markdown('### Where the texture came from, and how similar it is')
                    matches = gr.Image(
                        show_label=False, interactive=False, format='png', elem_id='matches'
                    )

        def cancel(request: gr.Request) -> None:
            service.cancel(request.session_hash)

        # What is there from before goes away first, and progress is shown in its place.
        run.click(
            lambda: (WAITING, gr.Column(visible=False), gr.Button(visible=True)),
            outputs=[comparison, details, stop],
            queue=False,
            **QUIET,
        ).then(
            _super_resolve(service),
            inputs=[photo, refs, *options],
            outputs=[comparison, details, message, file, matches],
            # The service keeps them in a queue that knows their files.
            concurrency_limit=MAX_WAITING + 5,
            show_api=False,
        ).then(lambda: gr.Button(visible=False), outputs=stop, queue=False, **QUIET)
        stop.click(cancel, queue=False, **QUIET)
        # The last one: gradio 5.14 watches for closed tabs only if the last listener asks for it.
        page.unload(cancel)
    return page.queue(max_size=MAX_WAITING, api_open=False)


def write_examples(folder: Path) -> list[Example]:
    """Write LR photos, and references of the same scene, from what ships with scikit-image."""
    from skimage import data

    folder.mkdir()
    pictures = (*data.stereo_motorcycle()[:2], data.astronaut())
    left, right, astronaut = map(Image.fromarray, pictures)

    def save(image: Image.Image, name: str, shrink: int = 1) -> str:
        size = (image.width // shrink, image.height // shrink)
        image.resize(size, Image.Resampling.BICUBIC).save(folder / name)
        return str(folder / name)

    turned = astronaut.rotate(7, Image.Resampling.BICUBIC)
    return [
        (save(photo, f'{name}.png', shrink=4), [save(ref, f'{name}_reference.png')])
        for name, photo, ref in (
            ('motorcycle', left.crop((60, 60, 460, 360)), right.crop((40, 50, 460, 370))),
            ('astronaut', astronaut.crop((80, 20, 380, 320)), turned.crop((60, 30, 380, 350))),
        )
    ]


def slider(before: np.ndarray, after: np.ndarray, before_name: str, after_name: str) -> str:
    """Return HTML with two pictures (H, W, 3), uint8, RGB, over each other, a slider between."""
    names = dict(before_name=before_name, after_name=after_name, badge=BADGE)
    return SLIDER.format(before=_data_uri(before), after=_data_uri(after), **names)


def _data_uri(picture: np.ndarray) -> str:
    image = Image.fromarray(picture)
    image.thumbnail((SLIDER_PIXELS, SLIDER_PIXELS))
    content = io.BytesIO()
    image.save(content, 'WEBP', quality=92)
    return 'data:image/webp;base64,' + base64.b64encode(content.getvalue()).decode()


def _upload(label: str, file_count: str, preview: Callable) -> gr.File:
    """Lay out a box for uploads, with small pictures of them, or a word of what is wrong."""
    box = gr.File(
        label=label,
        elem_id=label.lower(),
        file_count=file_count,
        file_types=KINDS,
        height=120,
    )
    gallery = gr.Gallery(visible=False, elem_id=f'{box.elem_id}-preview', **GALLERY)

    def show(paths: str | list[str] | None) -> gr.Gallery:
        try:
            pictures = preview(paths)
        except UserError as error:
            gr.Warning(str(error))
            pictures = []
        return gr.Gallery(pictures, visible=bool(pictures))

    # Its own box alone: gradio lets nothing run on a box that another upload is going into.
    box.change(show, inputs=box, outputs=gallery, **QUIET)
    return box


def _options(service: Service, device: str) -> tuple[gr.components.Component, ...]:
    """Lay out the choice of device, tiles, metadata and sharpness."""
    with gr.Accordion('Options', open=False):
        choices = list(dict.fromkeys([device, *devices()]))
        return (
            gr.Dropdown(choices, value=device, label='Device', elem_id='device'),
            gr.Dropdown(
                list(TILES),
                value='automatic',
                label='Tiles',
                info='Side of a tile in pixels of the photo: smaller ones need less memory, the '
                'result is the same.',
                elem_id='tiles',
            ),
            gr.Checkbox(
                False,
                label='Keep date, camera and place',
                info='Copies the EXIF and XMP data of the photo to the result.',
                elem_id='keep-metadata',
            ),
            gr.Slider(
                0,
                1,
                value=service.sharpness,
                step=0.1,
                label='Sharpness',
                info='0 is faithful; 1 is sharp, and more of it is invented.',
                visible=service.has_sharpness,
                elem_id='sharpness',
            ),
        )


def _example_gallery(examples: list[Example], photo: gr.File, refs: gr.File) -> None:
    """Lay out the examples; a click on one takes its files for uploads."""
    gr.Markdown('### Examples')
    gallery = gr.Gallery(
        [(lq, Path(lq).stem) for lq, _ in examples],
        allow_preview=False,
        show_download_button=False,
        elem_id='examples',
        **GALLERY,
    )

    def take(event: gr.SelectData) -> Example:
        return examples[event.index]

    gallery.select(take, outputs=[photo, refs], **QUIET)


def _super_resolve(service: Service) -> Callable:
    def super_resolve(
        photo: str | None,
        refs: list[str] | None,
        device: str,
        tile: str,
        keep_metadata: bool,
        sharpness: float,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  (gradio wants it so)
    ) -> tuple:
        """Super-resolve what was uploaded."""
        visitor = request.session_hash
        job = Job(photo, refs, device, TILES[tile], keep_metadata, sharpness, visitor)
        try:
            result = service.super_resolve(job, lambda share, what: progress(share, desc=what))
        except JobCancelledError:
            gr.Info('Cancelled.')
            return (gr.skip(),) * 5
        except Exception as error:
            # What a visitor can mend, and faults of the machine, are one line on the page.
            mistake = isinstance(error, UserError)
            line = str(error) if mistake else explain(error)
            if line is None:
                raise
            raise gr.Error(line, print_exception=not mistake) from error
        comparison = slider(result.enlarged, result.image, 'enlarged', 'super-resolved')
        return comparison, gr.Column(visible=True), result.message, str(result.file), result.matches

    return super_resolve
