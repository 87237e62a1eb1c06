"""The demo page: what is where, and what happens on a click."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gradio as gr

from ..errors import UserError
from ..images.io import HEIF_SUFFIXES
from .examples import Example, freshened
from .service import Service, devices
from .slider import slider

INTRODUCTION = """
# MASA-SR
Makes a small or blurry photo larger, with the texture of sharp photos of a similar scene, its
references. Upload both, or click on an example.
"""
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


def build_page(service: Service, examples: list[Example], device: str) -> gr.Blocks:
    """Build the page.

    Args:
        service (Service): Does the work.
        examples (list[Example]): Photos with references.
        device (str): The device that is chosen at first.

    Returns:
        gr.Blocks: Ready to be launched; calls wait in a queue, and one is worked on at a time.
    """
    theme = gr.themes.Default(font=FONT, font_mono=('ui-monospace', 'monospace'))
    with gr.Blocks(title='MASA-SR', theme=theme, css=STYLE, analytics_enabled=False) as page:
        gr.Markdown(INTRODUCTION)
        with gr.Row():
            with gr.Column(scale=1, min_width=320):
                photo = _upload('Photo', 'photo', 'single', service)
                refs = _upload('References', 'references', 'multiple', service)
                run = gr.Button('Super-resolve', variant='primary', elem_id='run')
                options = _options(device)
                _example_gallery(examples, photo, refs)
                gr.Markdown(service.limits.in_words())
            with gr.Column(scale=2):
                comparison = gr.HTML(WAITING, elem_id='comparison')
                with gr.Column(visible=False) as details:
                    message = gr.Markdown(elem_id='message')
                    file = gr.File(label='Result', interactive=False, height=80, elem_id='result')
                    gr.Markdown('### Where the texture came from, and how similar it is')
                    matches = gr.Image(
                        show_label=False, interactive=False, format='png', elem_id='matches'
                    )
        # What is there from before goes away first, and progress is told in its place.
        click = run.click(
            lambda: (WAITING, gr.Column(visible=False)),
            outputs=[comparison, details],
            show_progress='hidden',
            show_api=False,
        )
        click.then(
            _run(service),
            inputs=[photo, refs, *options],
            outputs=[comparison, details, message, file, matches],
            concurrency_limit=1,
            show_api=False,
        )
    return page.queue(max_size=20, api_open=False)


def _upload(label: str, elem_id: str, file_count: str, service: Service) -> gr.File:
    """Lay out what files are uploaded with, and small pictures of them."""
    box = gr.File(label=label, elem_id=elem_id, file_count=file_count, file_types=KINDS, height=120)
    preview = gr.Gallery(
        show_label=False,
        columns=3,
        height='auto',
        object_fit='contain',
        interactive=False,
        visible=False,
        elem_id=f'{elem_id}-preview',
        elem_classes='pictures',
    )
    # Its own box alone: gradio lets nothing run on a box that another upload is going into.
    box.change(
        _preview(service), inputs=box, outputs=preview, show_progress='hidden', show_api=False
    )
    return box


def _options(device: str) -> tuple[gr.Dropdown, gr.Dropdown, gr.Checkbox]:
    """Lay out the choice of device and tiles, and of what the result tells."""
    with gr.Accordion('Options', open=False):
        choices = list(dict.fromkeys([device, *devices()]))
        return (
            gr.Dropdown(choices, value=device, label='Device', elem_id='device'),
            gr.Dropdown(
                list(TILES),
                value='automatic',
                label='Tiles',
                info='of so many pixels of the photo: less memory, same result',
                elem_id='tiles',
            ),
            gr.Checkbox(
                False,
                label='Keep date, camera and place',
                info='what EXIF and XMP tell of the photo; else the result tells none of it',
                elem_id='keep-metadata',
            ),
        )


def _example_gallery(examples: list[Example], photo: gr.File, refs: gr.File) -> gr.Gallery:
    """Lay out the examples; a click on one takes its files for uploads."""
    pictures = [(lq, Path(lq).stem) for lq, _ in examples]
    gr.Markdown('### Examples')
    gallery = gr.Gallery(
        pictures,
        show_label=False,
        columns=3,
        height='auto',
        object_fit='contain',
        allow_preview=False,
        interactive=False,
        show_download_button=False,
        elem_id='examples',
        elem_classes='pictures',
    )

    def take(event: gr.SelectData) -> Example:
        return freshened(examples[event.index])

    gallery.select(take, outputs=[photo, refs], show_progress='hidden', show_api=False)
    return gallery


def _preview(service: Service) -> Callable:
    def preview(paths: str | list[str] | None) -> gr.Gallery:
        """Show what was uploaded, or say what is wrong with it."""
        try:
            pictures = service.preview([paths] if isinstance(paths, str) else paths or [])
        except UserError as error:
            raise gr.Error(str(error)) from error
        return gr.Gallery(pictures, visible=bool(pictures))

    return preview


def _run(service: Service) -> Callable:
    def run(
        photo: str | None,
        refs: list[str] | None,
        device: str,
        tile: str,
        keep_metadata: bool,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  (gradio wants it so)
    ) -> tuple:
        """Super-resolve what was uploaded."""
        try:
            result = service.super_resolve(
                photo,
                refs,
                device,
                TILES[tile],
                lambda share, what: progress(share, desc=what),
                keep_metadata,
            )
        except UserError as error:
            raise gr.Error(str(error)) from error
        comparison = slider(result.enlarged, result.image, 'enlarged', 'super-resolved')
        return comparison, gr.Column(visible=True), result.message, str(result.file), result.matches

    return run
