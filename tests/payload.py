"""Files that run code of their own where they are read by what trusts them, and a sign that it ran."""

import pickle
from pathlib import Path


class Payload:
    """Leaves a sign when it is unpickled.

    Args:
        sign: The file that is made then.
    """

    def __init__(self, sign: Path) -> None:
        self.sign = sign

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.sign,)


def pickled(sign: Path) -> bytes:
    """Write a payload as a pickle, and see that it works."""
    content = pickle.dumps(Payload(sign))
    pickle.loads(content)
    assert sign.exists(), "a payload that does nothing would show nothing"
    sign.unlink()
    return content


def module_text(sign: Path) -> str:
    """Write a module that leaves a sign when it is imported, with a class of every name that is asked for."""
    return (
        f"from pathlib import Path\nPath({str(sign)!r}).touch()\n"
        "def __getattr__(name):\n    return type(name, (), {})\n"
    )
