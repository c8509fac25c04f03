"""Figures, images and videos as files."""

from __future__ import annotations

import math
import warnings
from numbers import Real
from pathlib import Path
from typing import Any

from ml_dash.exceptions import FileUploadError, InvalidValueError, MissingDependencyError


def _need(package: str, extra: str, error: ImportError) -> MissingDependencyError:
    return MissingDependencyError(
        f"This needs {package}, which is not installed",
        hint=f'pip install "ml-dash[{extra}]"',
        cause=error,
    )


def write_figure(figure: Any, path: Path, options: dict[str, Any]) -> None:
    """Write a matplotlib figure (the current one for None) and close it, as in 0.6.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        InvalidValueError: it is no figure, or matplotlib refuses the format or an option.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise _need("matplotlib", "images", error) from error
    chosen = pyplot.gcf() if figure is None else figure
    if not hasattr(chosen, "savefig"):
        raise InvalidValueError(f"fig is a {type(chosen).__name__}", hint="Give a figure")
    try:
        chosen.savefig(path, **options)
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidValueError(f"The figure cannot be written as {path.name}: {error}") from error
    finally:
        pyplot.close(chosen)


def write_image(array: Any, path: Path, quality: int) -> None:
    """Write an array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) as an image.

    ``uint8`` is taken as it is. Other numbers up to 1.0 are taken as shares of 255, else they are
    stretched between the smallest and the largest; a constant becomes black.

    Raises:
        MissingDependencyError: Pillow or numpy is not installed.
        InvalidValueError: the array is no image, holds NaN, or the format is unknown.
    """
    try:
        import numpy as np
        from PIL import Image
    except ImportError as error:
        raise _need("Pillow and numpy", "images", error) from error
    pixels = _pixels(np, _array(np, array))
    image = Image.fromarray(pixels)
    options: dict[str, Any] = {}
    if path.suffix.lower() in (".jpg", ".jpeg"):
        image = _opaque(Image, image)
        options = {"quality": quality, "optimize": True}
    try:
        image.save(path, **options)
    except ValueError as error:
        raise InvalidValueError(
            f"The image cannot be written as {path.name!r}: {error}",
            hint="Give a name with an ending such as .png or .jpg, and a quality from 1 to 95",
        ) from error


def _array(np: Any, given: Any) -> Any:
    try:
        return np.asarray(given)
    except (ValueError, TypeError) as error:
        raise InvalidValueError(
            f"A {type(given).__name__} is no image: {error}", hint="Give rows of equal length"
        ) from error


def _pixels(np: Any, array: Any) -> Any:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise InvalidValueError(
            f"An array of shape {array.shape} is no image",
            hint="Give (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)",
        )
    if not array.size or array.dtype.kind not in "buif":
        raise InvalidValueError(f"An array of {array.dtype} with {array.size} values is no image")
    if array.dtype == np.uint8:
        return array
    values = array.astype(np.float64)
    if not np.isfinite(values).all():
        raise InvalidValueError("The image holds NaN or infinite values")
    low, high = values.min(), values.max()
    if low >= 0 and high <= 1:
        return (values * 255).astype(np.uint8)
    if low == high:
        return np.zeros(array.shape, np.uint8)
    return ((values - low) / (high - low) * 255).astype(np.uint8)


def _opaque(image_module: Any, image: Any) -> Any:
    """Put what is transparent on white: JPEG has no transparency."""
    if image.mode in ("RGBA", "LA", "P"):
        image = image.convert("RGBA")
        white = image_module.new("RGB", image.size, (255, 255, 255))
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image if image.mode in ("RGB", "L") else image.convert("RGB")


def write_video(frames: Any, path: Path, fps: int, options: dict[str, Any]) -> None:
    """Write frames of shape (H, W) or (H, W, C) as a video or an animated GIF.

    Raises:
        MissingDependencyError: imageio is not installed.
        InvalidValueError: there are no frames, or they are no images (is a ``ValueError``).
        FileUploadError: the encoder failed.
    """
    stack = _frames(frames)
    if not path.suffix and not options.keys() & {"extension", "plugin"}:
        raise InvalidValueError(
            f"{path.name!r} has no ending, which is a video's format", hint="Use .mp4 or .gif"
        )
    rate = _rate(fps)
    try:
        import imageio.v3 as imageio
        import numpy as np
    except ImportError as error:
        raise _need("imageio with imageio-ffmpeg", "video", error) from error
    images = [_frame(np, _array(np, frame)) for frame in stack]
    shapes = sorted({image.shape for image in images})
    if len(shapes) > 1:
        # Said here: an encoder that stops in the middle goes on for a while by itself.
        raise InvalidValueError(f"Frames differ in shape: {shapes[:3]}", hint="Use one shape")
    timing = {"duration": 1000 / rate} if path.suffix.lower() == ".gif" else {"fps": rate}
    try:
        with warnings.catch_warnings():
            # For an ending it does not know, imageio tries, and excuses, each of its old plugins.
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            imageio.imwrite(path, images, **{**timing, **options})
    except ImportError as error:
        raise _need(f"an encoder for {path.suffix or 'this file'}", "video", error) from error
    except (OSError, ValueError, RuntimeError, TypeError, KeyError) as error:
        raise _not_encoded(path, str(error), error) from error
    if not path.exists() or not path.stat().st_size:
        # An encoder that refuses its options says so on stderr only.
        raise _not_encoded(path, "the encoder wrote nothing; it says why on stderr", None)


def _not_encoded(path: Path, why: str, cause: Exception | None) -> FileUploadError:
    return FileUploadError(
        f"The video {path.name!r} cannot be encoded: {why}",
        kept="nothing was stored",
        hint="Use a name ending in .mp4 or .gif, and options that imageio knows",
        cause=cause,
    )


def _rate(fps: Any) -> float:
    if isinstance(fps, bool) or not isinstance(fps, Real) or not 0 < float(fps) < math.inf:
        raise InvalidValueError(f"fps is {fps!r}", hint="Give frames per second, above 0")
    return float(fps)


def _frames(given: Any) -> Any:
    if not hasattr(given, "__len__"):
        raise InvalidValueError(
            f"frame_stack must be a list or array of frames, not {type(given).__name__}"
        )
    if len(given) == 0:
        raise InvalidValueError("frame_stack is empty", hint="Give at least one frame")
    return given


def _frame(np: Any, array: Any) -> Any:
    """Return a frame as bytes: floats from -1 to 1 (negative ones are black), bools, integers."""
    if array.ndim not in (2, 3) or not array.size:
        raise InvalidValueError(
            f"A frame of shape {array.shape} is no image", hint="Give (H, W) or (H, W, C)"
        )
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * 255
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or abs(array).max() > 1:
            raise InvalidValueError("Frames of floats must lie between -1 and 1")
        return (array.clip(0, 1) * 255).round().astype(np.uint8)
    if array.dtype.kind in "ui":
        info = np.iinfo(array.dtype)
        return (array.clip(0).astype(np.float64) / info.max * 255).round().astype(np.uint8)
    raise InvalidValueError(f"Frames of {array.dtype} are no images")
