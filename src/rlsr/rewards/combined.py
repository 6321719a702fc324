"""The reward ``combined``: several rewards as one, each of which is logged and shown under its own name."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

from rlsr.config.combined import CombinedReward, Member
from rlsr.config.remote import ChatEndpoint
from rlsr.config.reward import SingleReward
from rlsr.config.run import RunConfig
from rlsr.config.unions import config_class
from rlsr.data.record import PromptRecord
from rlsr.errors import ConfigError, RlsrError
from rlsr.models import Device
from rlsr.rewards.combination import combined, compared_within_groups
from rlsr.rewards.kind import RewardKind
from rlsr.rewards.place import as_member
from rlsr.rewards.protocol import Part, Result, Reward, RewardBatch, RewardResult, Scores

Names = Mapping[str, str]
"""What a combined result calls the parts of a member, by what the member calls them."""


@dataclass(frozen=True)
class CombinedResult(RewardResult):
    """Scores of a rollout, with what each member said."""

    results: Mapping[str, RewardResult] = field(default_factory=dict)
    """By member."""

    def take(self, rows: Sequence[int]) -> Self:
        """Take some of the responses, of every member."""
        taken = {name: result.take(rows) for name, result in self.results.items()}
        return replace(super().take(rows), results=taken)

    def find(self, kind: type[Result]) -> Result | None:
        """Find the result of the first member that is of a class."""
        found = (result.find(kind) for result in self.results.values())
        return next((result for result in found if result is not None), None)


class Combined(Reward):
    """Scores a rollout by several rewards.

    Args:
        config: How they count.
        members: The rewards by name; they are closed with this one.
    """

    def __init__(self, config: CombinedReward, members: Mapping[str, Reward]) -> None:
        self._config = config
        self._members = members

    @property
    def parts(self) -> tuple[Part, ...]:
        """The score of each member, and what it is made of."""
        return _parts_of({name: reward.parts for name, reward in self._members.items()})

    def score(self, batch: RewardBatch) -> CombinedResult:
        """Score a whole rollout in one call.

        Args:
            batch: The responses, their prompts and references.

        Returns:
            One score a response, NaN where a member that counts has none. Components are the members' scores by their names,
            before gates and weights, and the members' own components: under their own names, where no other member has such
            a one, and else as ``MEMBER/COMPONENT``. Held-out metrics are those of the members, ``reward_MEMBER`` is the
            member's ``reward``.
        """
        results = {name: reward.score(batch) for name, reward in self._members.items()}
        scores = {name: result.scores for name, result in results.items()}
        bare = {name: one.heldout.get("reward", one.scores) for name, one in results.items()}
        heldout = {f"reward_{name}": values for name, values in bare.items()}
        for result in results.values():
            heldout = {**result.heldout, **heldout}
        return CombinedResult(
            combined(self._config, scores, scores),
            {**scores, **_renamed({name: one.components for name, one in results.items()})},
            heldout={**heldout, "reward": combined(self._config, bare, scores)},
            texts=_renamed({name: one.texts for name, one in results.items()}),
            results=results,
        )

    def learning_scores(self, records: Sequence[PromptRecord], result: RewardResult) -> Scores:
        """Give every member the say that its weight gives it within a group, where the config wants that."""
        if self._config.normalise == "none":
            return result.scores
        scores = {name: result.components[name] for name in self._members}
        groups = [(record.id, record.messages, record.reference) for record in records]
        return compared_within_groups(self._config, scores, groups)

    def close(self) -> None:
        """Close all members."""
        for reward in self._members.values():
            reward.close()


class CombinedKind(RewardKind[CombinedReward]):
    """The reward ``combined``; what is known of it is what is known of its members."""

    config = CombinedReward

    def parts(self, config: RunConfig) -> tuple[Part, ...]:
        """List the score of each member, and what it is made of."""
        return _parts_of({name: kind.parts(own) for name, kind, own in self._kinds(config)})

    def describe(self, config: RunConfig) -> str:
        """Name the members, their weights and gates."""
        settings = self.settings(config)
        named = [
            _in_words(name, settings.members[name], kind.describe(own))
            for name, kind, own in self._kinds(config)
        ]
        gate = settings.gate
        only = f", where {gate.member} has {gate.at_least:g}" if gate else ""
        within = ", each in standard deviations within its group" if settings.normalise == "group" else ""  # fmt: skip
        return f"the {settings.how} of {'; '.join(named)}{within}{only}"

    def seen_metrics(self, config: RunConfig) -> frozenset[str]:
        """Join what the members have seen that count, or are a gate."""
        settings = self.settings(config)
        gates = [settings.gate, *(member.gate for member in settings.members.values())]
        looked_at = {gate.member for gate in gates if gate is not None}
        return frozenset({"reward"}).union(
            *(
                kind.seen_metrics(own)
                for name, kind, own in self._kinds(config)
                if settings.members[name].weight or name in looked_at
            )
        )

    def heldout_metrics(self, config: RunConfig) -> Mapping[str, Any]:
        """Give the whole, every member's own ``reward`` as ``reward_MEMBER``, and what else members measure."""
        found: dict[str, Any] = {}
        of_members: dict[str, Any] = {}
        for name, kind, own in self._kinds(config):
            metrics = kind.heldout_metrics(own)
            of_members[f"reward_{name}"] = metrics["reward"]
            # Of two members with the same metric the first one's is taken.
            found = {**metrics, **found}
        settings = self.settings(config).model_dump(mode="json")
        return {**found, "reward": [settings, of_members], **of_members}

    def reads(self, config: RunConfig) -> Mapping[str, str]:
        """List what the members read, by the places of its names in the config."""
        return {
            f"reward.members.{name}.{setting}": place
            for name, kind, own in self._kinds(config)
            for setting, place in kind.reads(own).items()
        }

    def own_code(self, config: RunConfig) -> Mapping[str, str]:
        """List the files of the members' code, by the places of its names in the config."""
        return {
            f"reward.members.{name}.{setting}": file
            for name, kind, own in self._kinds(config)
            for setting, file in kind.own_code(own).items()
        }

    def memory_gb(self, config: RunConfig, device: Device) -> float:
        """Add up what the members hold."""
        return sum(kind.memory_gb(own, device) for _, kind, own in self._kinds(config))

    def endpoints(self, config: RunConfig) -> Mapping[str, ChatEndpoint]:
        """Join the servers of the members."""
        found: dict[str, ChatEndpoint] = {}
        for name, kind, own in self._kinds(config):
            with as_member(name):
                found |= kind.endpoints(own)
        return found

    def questions(
        self, config: RunConfig, batch: RewardBatch
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Join what the members ask."""
        found: dict[str, Sequence[Mapping[str, Any]]] = {}
        for name, kind, own in self._kinds(config):
            with as_member(name):
                found |= kind.questions(own, batch)
        return found

    def check(self, config: RunConfig, records: Sequence[PromptRecord]) -> None:
        """Let every member refuse what it cannot work with."""
        settings = self.settings(config)
        if settings.normalise == "group" and getattr(config.method, "label_in_group", False):
            raise ConfigError(
                "reward.normalise: group compares the policy's responses with each other, and method.label_in_group puts the "
                "reference among them; take one of the two"
            )
        advantage = getattr(config.method, "advantage", None)
        if settings.normalise == "group" and getattr(advantage, "baseline", "group") == "prefix":
            raise ConfigError(
                "reward.normalise: group compares whole responses with each other, and method.advantage.baseline=prefix the parts of "
                "one response with its whole; take one of the two"
            )
        for name, kind, own in self._kinds(config):
            _as_of_member(name, own, partial(kind.check, own, records))

    def open(self, config: RunConfig, device: Device, *, keep: bool = True) -> Combined:
        """Open every member; where one cannot be, those that are open are closed."""
        from rlsr.rewards.table import open_reward  # has this kind in it

        members: dict[str, Reward] = {}
        for name, _, own in self._kinds(config):
            try:
                opening = partial(open_reward, own, device, keep=keep)
                members[name] = _as_of_member(name, own, opening)
            except BaseException:
                for opened in members.values():
                    opened.close()
                raise
        return Combined(self.settings(config), members)

    def _kinds(self, config: RunConfig) -> list[tuple[str, RewardKind[Any], RunConfig]]:
        """List what is known of each member, with the config of a run that it would be the only reward of."""
        from rlsr.rewards.table import reward_kind  # has this kind in it

        alone = {
            name: config_of_member(config, member.reward)
            for name, member in self.settings(config).members.items()
        }
        return [(name, reward_kind(own), own) for name, own in alone.items()]


def config_of_member(config: RunConfig, reward: SingleReward) -> RunConfig:
    """Write the config of a run that has a member alone for its reward.

    Args:
        config: The config of a run with a combined reward.
        reward: The settings of the member.
    """
    kind = config_class({"reward": {"type": reward.type}, "method": {"type": config.method.type}})
    return kind.model_construct(**{**dict(config), "reward": reward})


def _as_of_member(name: str, own: RunConfig, work: Callable[[], Any]) -> Any:
    """Do something for a member, and let what it says of its settings name them as the user wrote them."""
    try:
        with as_member(name):
            return work()
    except RlsrError as error:
        settings = "|".join(type(own.reward).model_fields)
        of_member = rf"(?<![\w./:])reward\.(?=(?:{settings})\b)"
        message = re.sub(of_member, f"reward.members.{name}.reward.", str(error))
        error.args = (message, *error.args[1:])
        raise


def _in_words(name: str, member: Member, description: str) -> str:
    weight = "" if member.weight == 1 else f"{member.weight:g} times "
    gate = member.gate
    only = f", where {gate.member} has {gate.at_least:g}" if gate else ""
    shown = "not counted, " if member.weight == 0 else ""
    return f"{'' if member.weight == 0 else weight}{name} ({shown}{description}{only})"


def _parts_of(parts: Mapping[str, Sequence[Part]]) -> tuple[Part, ...]:
    """Name the score of each member, and what it is made of as the member does, where no other member does so, too."""
    names = _names({name: [part.name for part in of_one] for name, of_one in parts.items()})
    columns = Counter(part.column for of_one in parts.values() for part in of_one)
    found = []
    for name, of_one in parts.items():
        found.append(Part(name, f"Reward {name}", "Before gates and weights.", column=f"reward/{name}/score"))  # fmt: skip
        for part in of_one:
            is_shared = columns[part.column] > 1
            column = f"reward/{name}/{part.column.partition('/')[2]}" if is_shared else part.column
            title = f"{part.title} ({name})" if is_shared else part.title
            found.append(replace(part, name=names[name][part.name], title=title, column=column))
    return tuple(found)


def _renamed(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Put what members say of responses into one table."""
    names = _names(found)
    return {
        names[member][name]: values
        for member, of_one in found.items()
        for name, values in of_one.items()
    }


def _names(found: Mapping[str, Sequence[str] | Mapping[str, Any]]) -> dict[str, Names]:
    """Choose names that no two have: a member's own, or else with the member before it."""
    times = Counter([*found, *(name for of_one in found.values() for name in of_one)])
    return {
        member: {name: name if times[name] == 1 else f"{member}/{name}" for name in of_one}
        for member, of_one in found.items()
    }
