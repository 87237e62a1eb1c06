"""Files inside Qt's resources."""

from __future__ import annotations

import pytest

from masasr_mm.datasets.photos.resource_file import files_in_resource

from .packed import resource

FILES = {'cat.png': b'meow' * 50, 'dog ü.jpg': b'woof'}


@pytest.mark.parametrize('version', [1, 2, 3])
def test_all_files_with_their_paths(version):
    found = dict(files_in_resource(resource('animals', FILES, version)))
    assert found == {f'animals/{name}': content for name, content in FILES.items()}


@pytest.mark.parametrize('content', [b'', b'qres', b'PNG' * 20, resource('a', FILES)[:60]])
def test_what_is_no_whole_resource_is_a_value_error(content):
    with pytest.raises(ValueError, match='resource'):
        list(files_in_resource(content))
