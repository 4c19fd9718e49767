"""Checks of attribute values for node factories."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ovgpu.exceptions import UserInputError as UserInputError

log = logging.getLogger(__name__)


def assert_list_of_ints(value_list: Iterable[int], message: str) -> None:
    """Raise UserInputError with ``message`` unless the argument is an iterable of integers."""
    try:
        valid = all(isinstance(value, int) for value in value_list)
    except TypeError:
        valid = False
    if not valid:
        log.warning(message)
        raise UserInputError(message, value_list)


def check_valid_attribute(
    op_name: str,
    attr_dict: dict[str, Any],
    attr_key: str,
    val_type: type,
    cond: Callable[[Any], bool] | None = None,
    required: bool = False,
) -> bool:
    """Check one attribute, or each element of one that is a list.

    Args:
        op_name: the operation, for messages.
        attr_dict: attribute values by name.
        attr_key: the attribute to check.
        val_type: numpy's abstract type, for instance ``np.integer``, or a Python type.
        cond: what values must satisfy besides.
        required: whether the attribute must be there.

    Returns True. Raises UserInputError.
    """
    if required and attr_key not in attr_dict:
        raise UserInputError(
            f'Provided dictionary is missing {op_name} operator required attribute "{attr_key}"'
        )
    value = attr_dict.get(attr_key)
    if value is None:
        return True
    for one in value if np.iterable(value) and not isinstance(value, str) else [value]:
        if not _is_of_type(one, val_type):
            raise UserInputError(
                f'{op_name} operator attribute "{attr_key}" value must by of type {val_type}.'
            )
        if cond is not None and not cond(one):
            raise UserInputError(
                f'{op_name} operator attribute "{attr_key}" value does not satisfy provided condition.'
            )
    return True


def _is_of_type(value: Any, wanted: type) -> bool:
    if issubclass(wanted, np.generic):
        return bool(np.issubdtype(type(value), wanted))
    return isinstance(value, wanted)


def check_valid_attributes(
    op_name: str,
    attributes: dict[str, Any],
    requirements: list[tuple[str, bool, type, Callable[[Any], bool] | None]],
) -> bool:
    """Check several attributes: (name, required, type, condition) each. Raises as :func:`check_valid_attribute`."""
    return all(
        check_valid_attribute(op_name, attributes, name, value_type, condition, required)
        for name, required, value_type, condition in requirements
    )


def is_positive_value(value: Any) -> bool:
    """Whether the value is above zero."""
    return value > 0


def is_non_negative_value(value: Any) -> bool:
    """Whether the value is zero or above."""
    return value >= 0
