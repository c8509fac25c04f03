"""Scalars and arrays of numpy, torch, JAX and their like, read through what they have in common.

None of these packages is imported.
"""

from __future__ import annotations

from typing import Any

_SIZES = (8, 16, 32, 64)
_NUMERIC = {"bool", "bool_", "float16", "float32"}
_NUMERIC |= {f"{sign}int{bits}" for sign in ("", "u") for bits in _SIZES}


def is_number(cls: type) -> bool:
    """Return whether a type is one of numpy's scalars whose ``.item()`` is a bool, int or float."""
    return cls.__module__ == "numpy" and cls.__name__ in _NUMERIC


def is_array(cls: type) -> bool:
    """Return whether objects of a type are array-like, scalars included."""
    if hasattr(cls, "tolist"):
        return True
    if hasattr(cls, "item"):
        return hasattr(cls, "__float__") or hasattr(cls, "__array__")
    return hasattr(cls, "__array__") and hasattr(cls, "dtype")


def dtype_kind(value: Any) -> str:
    """Return numpy's one-letter kind of the elements; empty where there is none."""
    return str(getattr(getattr(value, "dtype", None), "kind", ""))


def read(value: Any) -> Any:
    """Return the elements as Python objects: one, or nested lists of them.

    Raises:
        Exception: Whatever the array raises, for instance because its memory was given away.
    """
    cls = type(value)
    if dtype_kind(value) == "M":
        value = value.astype(str)  # .tolist() makes bare ints of nanoseconds
    if hasattr(cls, "detach") and hasattr(cls, "cpu"):
        value = value.detach().cpu()
    if hasattr(cls, "tolist"):
        plain = value.tolist()
    elif hasattr(cls, "item"):
        plain = value.item()
    else:
        plain = value.__array__().tolist()
    # numpy's longdouble has no smaller form of its own.
    return float(plain) if type(plain) is cls else plain


def is_plain_when_read(value: Any) -> bool:
    """Return whether :func:`read` leaves nothing to convert: numpy's bools, ints and floats.

    Large arrays need not be walked then.
    """
    if type(value).__module__ != "numpy" or dtype_kind(value) not in ("b", "i", "u", "f"):
        return False
    return bool(value.dtype.itemsize <= 8)
