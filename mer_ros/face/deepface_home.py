"""Where the deepface and retina-face packages look for weights, filled without a download.

Both read ``$DEEPFACE_HOME/.deepface/weights`` and fetch what is not there while the program
runs. A node must not: the file is looked up first, in the user's own folder and then where
``mer models`` keeps it, and a missing one is an error that says what to run.
"""

from __future__ import annotations

import os
from pathlib import Path

from mer_ros.models import catalogue, integrity, store
from mer_ros.models.errors import ModelError


def provide(model: str) -> Path:
    """Make a model's file visible to both packages; call it before they build the model.

    ``DEEPFACE_BACKEND_ENGINE`` becomes ``onnx`` unless the user set one: no TensorFlow is needed
    and the import takes 0.2 s.

    Args:
        model: its name in the catalogue.

    Returns:
        The file as the packages will see it.

    Raises:
        ModelError: the file is missing or damaged, or the cache cannot be written.
    """
    os.environ.setdefault('DEEPFACE_BACKEND_ENGINE', 'onnx')
    filename = catalogue.entry(model).files[0].filename
    home = Path(os.environ.get('DEEPFACE_HOME', '') or Path.home())
    own = home / '.deepface' / 'weights' / filename
    if own.is_file():
        return own
    source = store.find(model)
    home = integrity.cache_folder() / 'deepface'
    link = home / '.deepface' / 'weights' / filename
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(source.resolve())
    except OSError as error:
        raise ModelError(
            f'cannot write {link}: {error.strerror}; set DEEPFACE_HOME to a folder of your own '
            f'and put {filename} into its .deepface/weights'
        ) from error
    os.environ['DEEPFACE_HOME'] = str(home)
    return link
