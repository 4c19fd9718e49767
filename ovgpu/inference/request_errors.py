"""Texts of the errors that waiting for an asynchronous inference raises."""

from __future__ import annotations

import traceback


def inference_error(error: BaseException) -> str:
    """The text for an inference that failed or was cancelled."""
    return (
        f"Caught exception: {error}" if str(error) else f"Caught exception: {type(error).__name__}"
    )


def callback_error_text(error: BaseException) -> str:
    """The text for an exception of a user's callback: what it was and where it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    # The first frame is the call of the callback, not the user's code.
    places = "".join(f"\n  {f.filename}({f.lineno}): {f.name}" for f in frames[1:])
    return f"{type(error).__name__}: {error}\n\nAt:{places}\n"
