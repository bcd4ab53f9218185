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
        return _name_unclear_values(effects)
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
    """Say which values are not separable, which are equivalent, and which have no verdict."""
    sentences = []
    if any(is_separable(effect.comparison.verdict) for effect in effects):
        sentences.append(_name_unclear_values(effects))
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


def _name_unclear_values(effects: Sequence[Effect]) -> str:
    """Name the values that are not separable from another one of a setting without a clear effect.

    "All else being equal, head b and c are not separable from a."
    """
    groups: dict[tuple[str, str, str], list[str]] = {}
    for group in _group_by_setting(effects).values():
        judged_effects = [e for e in group if is_verdict(e.comparison.verdict)]
        if any(is_separable(e.comparison.verdict) for e in judged_effects):
            continue
        for effect in judged_effects:
            if not is_equivalent(effect.comparison.verdict):
                key = effect.setting, setting_value(effect.reference), describe_context(effect)
                groups.setdefault(key, []).append(setting_value(effect.value))
    clauses = [_relate_values(*key, values) for key, values in groups.items()]
    if len(clauses) == 1:
        return f"All else being equal, {clauses[0]}."
    # One that is left over is written out, as `join` does.
    shown = clauses if len(clauses) <= _MAX_NAMES + 1 else clauses[:_MAX_NAMES]
    rest = f"; and {len(clauses) - len(shown)} more" if len(shown) < len(clauses) else ""
    return f"All else being equal: {'; '.join(shown)}{rest}." if clauses else ""


def _relate_values(setting: str, reference: str, context: str, values: Sequence[str]) -> str:
    """Write "head b and c are not separable from a (with width 16)"."""
    names = join([escape(value) for value in values], _MAX_NAMES)
    where = f" (with {context})" if context else ""
    are = verb(values, "is", "are")
    return f"{escape(setting)} {names} {are} not separable from {escape(reference)}{where}"


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
