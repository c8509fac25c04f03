"""Storing values as files: texts, JSON, bytes, pickles, models, figures, images, videos."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_dash import _media
from ml_dash._record import jsonable
from ml_dash._store.places import checked_place
from ml_dash.exceptions import (
    InvalidValueError,
    MissingDependencyError,
    SerializationError,
    UsageError,
)

if TYPE_CHECKING:
    from ml_dash.experiment import Experiment

Record = dict[str, Any]


class FileContent:
    """The ``save_*`` half of :class:`ml_dash.files.FileBuilder`.

    Each method stores a file and returns its record; folders in ``to`` join the folder that the
    object stands for. Each raises ``FileUploadError`` when the store refuses the write,
    ``NotOpenError`` when the run is not open and ``WriteProtectedError`` when it is protected.
    """

    _experiment: Experiment
    _options: dict[str, Any]

    def _keep(self, source: Path | str, to: str, **given: Any) -> Record:
        raise NotImplementedError

    def _keep_made(self, make: Callable[[Path], object], to: str, **given: Any) -> Record:
        raise NotImplementedError

    def _made(self, to: str | None, make: Callable[[Path], object], **given: Any) -> Record:
        """Have a file made under its final name, right in the store."""
        if not to or not isinstance(to, str):
            raise UsageError("to= is missing: it names the file", hint="Give to='folder/name.ext'")
        checked_place("", to)
        return self._keep_made(make, to, **given)

    def save(
        self,
        content: Any = None,
        *,
        to: str | None = None,
        description: str | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Record:
        """Store whatever it is: an existing file, bytes, a dictionary or list, an image array.

        Raises:
            UsageError: ``to`` is missing, or there is no content (is a ``ValueError``).
            InvalidValueError: there is no way to store this (is a ``ValueError``).
        """
        given = {"description": description, "tags": tags, "metadata": metadata}
        if content is None:
            content = self._options.get("file_path")
        if content is None:
            raise UsageError("There is nothing to save", hint="Give content, or file_path=...")
        if isinstance(content, str) and _is_path(content):
            return self._keep(content, to or "", **given)
        return self._made(to, self._maker(content), **given)

    def _maker(self, content: Any) -> Callable[[Path], object]:
        if isinstance(content, (bytes, bytearray)):
            return lambda path: path.write_bytes(content)
        if isinstance(content, (dict, list)):
            data = _json(content)
            return lambda path: path.write_bytes(data)
        if hasattr(content, "__array_interface__"):
            return lambda path: _media.write_image(content, path, 95)
        hint = (
            "There is no such file; use save_text() for a text"
            if isinstance(content, str)
            else "Use upload() for a path, or the save_* method that fits"
        )
        raise InvalidValueError(f"Unsupported content type {type(content).__name__}", hint=hint)

    def save_text(self, content: str, *, to: str) -> Record:
        """Store a text as UTF-8.

        Raises:
            InvalidValueError: it is no text.
        """
        if not isinstance(content, str):
            raise InvalidValueError(f"save_text takes a text, not {type(content).__name__}")
        data = content.encode("utf-8", "surrogatepass")
        return self._made(to, lambda path: path.write_bytes(data))

    def save_json(self, content: Any, *, to: str) -> Record:
        """Store a value as JSON, indented.

        Raises:
            SerializationError: a part of it has no JSON form; nothing was stored.
        """
        data = _json(content)
        return self._made(to, lambda path: path.write_bytes(data))

    def save_blob(self, data: bytes, *, to: str) -> Record:
        """Store bytes.

        Raises:
            InvalidValueError: they are no bytes.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise InvalidValueError(f"save_blob takes bytes, not {type(data).__name__}")
        return self._made(to, lambda path: path.write_bytes(data))

    def save_pkl(self, content: Any, *, to: str) -> Record:
        """Store a pickle.

        Raises:
            SerializationError: it cannot be pickled; nothing was stored.
        """
        return self._made(to, lambda path: _dump(content, path))

    def save_torch(self, model: Any, *, to: str) -> Record:
        """Store what ``torch.save`` writes.

        Raises:
            MissingDependencyError: torch is not installed (is a ``ModuleNotFoundError``).
            SerializationError: it cannot be written; nothing was stored.
        """
        try:
            import torch
        except ImportError as error:
            raise MissingDependencyError(
                "save_torch needs torch, which is not installed", hint="pip install torch"
            ) from error

        def make(path: Path) -> None:
            with _written_whole("torch.save"):
                torch.save(model, path)

        return self._made(to, make)

    def save_fig(self, fig: Any = None, *, to: str, **kwargs: Any) -> Record:
        """Store a matplotlib figure (the current one when omitted) and close it.

        Args:
            fig: The figure.
            to: Name; its ending is the format.
            **kwargs: For ``savefig``.

        Raises:
            InvalidValueError: matplotlib refuses the format or an option.
            MissingDependencyError: matplotlib is not installed (extra ``images``).
        """
        return self._made(to, lambda path: _media.write_figure(fig, path, kwargs))

    def save_image(self, array: Any, *, to: str, quality: int = 95) -> Record:
        """Store an array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) as an image.

        Args:
            array: ``uint8`` as it is; other numbers are scaled.
            to: Name; its ending is the format.
            quality: Of a JPEG, 1 to 95.

        Raises:
            InvalidValueError: the array is no image (is a ``ValueError``).
            MissingDependencyError: Pillow or numpy is not installed (extra ``images``).
        """
        return self._made(to, lambda path: _media.write_image(array, path, quality))

    def save_video(
        self, frame_stack: Any, *, to: str, fps: int = 20, **imageio_kwargs: Any
    ) -> Record:
        """Store frames as a video.

        Args:
            frame_stack: Frames of shape (H, W) or (H, W, C), as a list or one array.
            to: Name, ending in ``.mp4`` or ``.gif``.
            fps: Frames per second.
            **imageio_kwargs: For ``imageio.v3.imwrite``.

        Raises:
            InvalidValueError: there are no frames, or they are no images (is a ``ValueError``).
            FileUploadError: the encoder failed.
            MissingDependencyError: imageio is not installed (extra ``video``).
        """
        return self._made(
            to, lambda path: _media.write_video(frame_stack, path, fps, imageio_kwargs)
        )


def _json(content: Any) -> bytes:
    # The user's own file: NaN stays the bare token that Python reads and writes, as in 0.6.
    return json.dumps(jsonable.to_plain(content), indent=2).encode("ascii")


def _dump(content: Any, path: Path) -> None:
    with _written_whole("pickle"), open(path, "wb") as file:
        pickle.dump(content, file)


@contextmanager
def _written_whole(by: str) -> Iterator[None]:
    """Turn what a serialiser raises for a value that it cannot take into our own error."""
    try:
        yield
    except OSError:
        raise  # the disk, not the value
    except (pickle.PicklingError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise SerializationError(
            f"The value cannot be written by {by}: {error}", kept="nothing was stored", cause=error
        ) from error


def _is_path(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):
        return False
