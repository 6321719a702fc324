"""The training methods."""

from typing import Annotated, get_args

from pydantic import Field

from rlsr.config.method import RlsrMethod, SgrpoMethod
from rlsr.config.method_base import MethodTable
from rlsr.config.osft import OsftMethod
from rlsr.config.preference import DpoMethod, RewardModelMethod
from rlsr.config.raft import RaftMethod
from rlsr.config.rank import RankMethod
from rlsr.config.rlpt import RlptMethod
from rlsr.config.supervised import SupervisedMethod

MethodConfig = Annotated[
    RlsrMethod
    | SgrpoMethod
    | RlptMethod
    | RankMethod
    | OsftMethod
    | RaftMethod
    | SupervisedMethod
    | DpoMethod
    | RewardModelMethod,
    Field(discriminator="type"),
]
"""The methods; what each says of itself is all that the rest of the program knows of it."""


def methods_that_learn_from(source: str) -> set[str]:
    """List the methods of our own by what an update reads.

    Args:
        source: As in ``MethodTable.learns_from``.
    """
    methods: tuple[type[MethodTable], ...] = get_args(get_args(MethodConfig)[0])
    return {
        method.model_fields["type"].default for method in methods if method.learns_from == source
    }
