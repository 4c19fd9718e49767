"""Exceptions of the graph-building API."""


class OVError(Exception):
    """Base class of errors in building graphs."""


class UserInputError(OVError):
    """An argument that the called function cannot work with."""


class OVTypeError(OVError, TypeError):
    """An argument of the wrong type."""
