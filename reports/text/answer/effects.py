"""The findings on the settings that vary."""

from collections.abc import Sequence

from reports.analysis.factors.effects import Effect, Interaction
from reports.analysis.verdict import EQUIVALENT, is_equivalent, is_separable, is_verdict
from reports.text.format import escape, setting_value, signed, with_unit
from reports.text.sentences import join, verb

_MAX_NAMES = 3  # of settings in a sentence; the rest are counted


def describe_strongest_effect(effects: Sequence[Effect]) -> str:
    """Name the strongest effect that is clear, or say that none is; "" if none has a verdict."""
    clear_effects = [effect for effect in effects if is_separable(effect.comparison.verdict)]
    if not clear_effects:
        return _name_unclear_settings(effects)
    strongest = max(clear_effects, key=lambda effect: abs(effect.comparison.difference.mean))
    points = signed(100 * strongest.comparison.difference.mean)
    return f"All else being equal, {_change(strongest)} changes mIoU by {points} points."


def describe_interactions(interactions: Sequence[Interaction]) -> str:
    """Name the settings that interact; "" if none clearly do."""
    clear_interactions = [each for each in interactions if is_separable(each.comparison.verdict)]
    if not clear_interactions:
        return ""
    pairs = dict.fromkeys(
        " with ".join(escape(s) for s in each.settings) for each in clear_interactions
    )
    return (
        "Some effects do not simply add up, because settings interact: "
        f"{join(list(pairs), _MAX_NAMES)}."
    )


def describe_other_effects(effects: Sequence[Effect]) -> list[str]:
    """Say which settings have no clear effect, which have none, and which have no verdict."""
    sentences = []
    if any(is_separable(effect.comparison.verdict) for effect in effects):
        sentences.append(_name_unclear_settings(effects))
    equivalent_settings, unjudged_changes = [], []
    for setting, group in _group_by_setting(effects).items():
        verdicts = [e.comparison.verdict for e in group if is_verdict(e.comparison.verdict)]
        if verdicts and all(map(is_equivalent, verdicts)):
            equivalent_settings.append(escape(setting))
        unjudged = [_change(e) for e in group if not is_verdict(e.comparison.verdict)]
        unjudged_changes += unjudged if verdicts else [escape(setting)]
    if equivalent_settings:
        verdict = next(v for e in effects if is_equivalent(v := e.comparison.verdict))
        within = verdict.removeprefix(f"{EQUIVALENT} ")
        sentences.append(
            f"Every judged value of {join(equivalent_settings, _MAX_NAMES)} is equivalent to its "
            f"reference {with_unit(within)}."
        )
    if unjudged_changes:
        sentences.append(
            f"There is no verdict on the effect of {join(unjudged_changes, _MAX_NAMES)}."
        )
    return [sentence for sentence in sentences if sentence]


def describe_context(effect: Effect) -> str:
    """Return the settings that an effect holds for, such as "head a"; "" if it is general."""
    return " and ".join(
        f"{escape(name)} {escape(setting_value(value))}" for name, value in effect.context.items()
    )


def _name_unclear_settings(effects: Sequence[Effect]) -> str:
    settings = []
    for setting, group in _group_by_setting(effects).items():
        verdicts = [e.comparison.verdict for e in group if is_verdict(e.comparison.verdict)]
        is_unclear = verdicts and not any(map(is_separable, verdicts))
        if is_unclear and not all(map(is_equivalent, verdicts)):
            settings.append(escape(setting))
    if not settings:
        return ""
    the_effects = verb(settings, "The effect", "The effects")
    are = verb(settings, "is", "are")
    return f"{the_effects} of {join(settings, _MAX_NAMES)} {are} not separable from noise."


def _group_by_setting(effects: Sequence[Effect]) -> dict[str, list[Effect]]:
    groups: dict[str, list[Effect]] = {}
    for effect in effects:
        groups.setdefault(effect.setting, []).append(effect)
    return groups


def _change(effect: Effect) -> str:
    """Name the two values of an effect, and the context in which it holds."""
    value, reference = (setting_value(v) for v in (effect.value, effect.reference))
    context = describe_context(effect)
    text = f"{escape(effect.setting)} {escape(value)} instead of {escape(reference)}"
    return f"{text} with {context}" if context else text
