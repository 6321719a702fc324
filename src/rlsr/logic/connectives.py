"""What the connectives mean."""

import numpy as np
from numpy.typing import NDArray

from rlsr.logic.syntax import Connective

Truths = NDArray[np.bool_]


def connect(connective: Connective, left: Truths, right: Truths) -> Truths:
    """Combine truth values entry by entry.

    Args:
        connective: Which connective.
        left: Truth values, any shape.
        right: Truth values of a shape that broadcasts with it.
    """
    match connective:
        case "and":
            return left & right
        case "or":
            return left | right
        case "xor":
            return left ^ right
        case "implies":
            return ~left | right
        case "iff":
            return ~(left ^ right)
