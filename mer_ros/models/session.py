"""Running an ONNX file on the CPU with ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.models.errors import ModelError

# From 1.32 on ONNX Runtime tells its vendor about its use unless this is set before the import.
# Nothing leaves the machine here; this is the only import of it in the package.
os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')

import onnxruntime

Tensor = NDArray[np.generic]

THREADS = min(2, os.cpu_count() or 1)
"""Of a network that every image waits for: on two cores yunet + lite takes 7.4 ms an image with two
and 8.8 with one (``mer benchmark face --detector yunet --threads N``)."""


class OnnxModel:
    """An ONNX graph, ready to run.

    Args:
        model: the file, or its bytes.
        threads: of one operation. One by default: the face and the audio node share a small
            computer.

    Raises:
        ModelError: the file is not there or is not a whole ONNX model.
    """

    def __init__(self, model: Path | bytes, threads: int = 1) -> None:
        self._title = model.name if isinstance(model, Path) else 'model'
        self._where = str(model) if isinstance(model, Path) else 'the model'
        if threads < 1:
            raise ModelError(f'threads is {threads}; set it to 1 or more')
        if isinstance(model, Path) and not model.is_file():
            raise ModelError(f'there is no model file {model}')
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        # A spinning pool would take the other node's core while it waits.
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        try:
            self._session = onnxruntime.InferenceSession(
                model if isinstance(model, bytes) else str(model),
                options,
                providers=['CPUExecutionProvider'],
            )
        except Exception as error:  # onnxruntime's exceptions share no base class of their own
            raise ModelError(
                f'ONNX Runtime cannot load {self._where}: {_first_line(error)}; '
                'delete the file and get the model again (`mer models list` says how)'
            ) from error
        self.inputs: dict[str, tuple[int | str, ...]] = {
            node.name: tuple(node.shape) for node in self._session.get_inputs()
        }
        self.outputs: tuple[str, ...] = tuple(n.name for n in self._session.get_outputs())

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, NDArray[np.float32]]:
        """Run the graph once.

        Args:
            inputs: a tensor for each input by name, in the graph's dtype and shape.

        Returns:
            Every output by name.

        Raises:
            ModelError: names, shapes or dtypes are not those of the graph.
        """
        if inputs.keys() != self.inputs.keys():
            raise ModelError(
                f'{self._title} takes {sorted(self.inputs)}, not {sorted(inputs)}; '
                'it is not the model this backend was written for'
            )
        try:
            values = self._session.run(None, dict(inputs))
        except Exception as error:  # as above
            raise ModelError(f'{self._title} failed: {_first_line(error)}') from error
        return dict(zip(self.outputs, values, strict=True))

    def check(self, inputs: Mapping[str, Tensor], output: str, width: int) -> None:
        """Run once, which also warms up, and look at the shape of an output.

        Args:
            inputs: as for :meth:`run`, N at once.
            output: its name.
            width: numbers that it must have for each of the N.

        Raises:
            ModelError: the graph does not take them, or gives something else.
        """
        count = len(next(iter(inputs.values())))
        found = self.run(inputs).get(output)
        if found is None or found.shape != (count, width):
            shape = 'nothing' if found is None else found.shape
            raise ModelError(
                f'{self._where} must give {output} {(count, width)} for {count} inputs, but gives '
                f'{shape} (its outputs are {", ".join(self.outputs)}); it is not the model this '
                'backend was written for'
            )


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]
