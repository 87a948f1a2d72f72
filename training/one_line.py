"""Makes errors of the scripts here and in ``benchmarks/`` one line, those of their imports too.

To be imported before what may not be installed. Where a script of these folders is the command,
what it raises goes to stderr in the words of `mer` (``cli/main.py``), with exit status 1;
MER_DEBUG=1 shows where it came from. Imported by anything else, as by a test, it changes nothing.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from types import TracebackType

from mer_ros.cli.main import explain
from training.errors import TrainingError

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (ROOT / 'training', ROOT / 'benchmarks')
BACKENDS = {
    name: name for name in ('deepface', 'onnx', 'safetensors', 'soundfile', 'torch', 'transformers')
} | {'retinaface': 'retina-face'}
"""What requirements/backends.txt brings: how it is imported, and how it is called on PyPI."""


def line(error: BaseException) -> str:
    """Return what is wrong and what to do about it."""
    if isinstance(error, KeyboardInterrupt):
        return 'interrupted'
    if isinstance(error, TrainingError):
        return ' '.join(str(error).split())
    if isinstance(error, ModuleNotFoundError):
        missing = (error.name or '').partition('.')[0]
        if missing in BACKENDS:
            return (
                f'the Python package {missing} is not installed: make .venv/.backends in a '
                f'checkout, or pip install {BACKENDS[missing]}'
            )
    return explain(error)


def say(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an error that nothing caught."""
    if os.environ.get('MER_DEBUG') == '1':
        traceback.print_exception(kind, error, trace)
    print(f'{Path(sys.argv[0]).stem}: {line(error)}', file=sys.stderr)


_command = getattr(sys.modules['__main__'], '__file__', None)
if _command and Path(_command).resolve().parent in FOLDERS:
    sys.excepthook = say
