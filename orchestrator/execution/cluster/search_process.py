"""The process that asks Ray Tune: `python -m orchestrator.execution.cluster.search_process`.

It reads one JSON request per line and answers each with one line. Ray Tune has a process of its own
as it takes seconds to import and reads Ray's settings then, which the driver may set only later. A
Tuner is not involved: the ledger hands out the trials, and what is asked here follows from the
request alone, so that a driver that was restarted gets the same answers.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

BATCH = 4  # samples of a cell that optuna proposes before it learns their scores
_METRIC, _TIME = "miou", "training_iteration"
Sample = dict[str, Any]


def answer(request: Mapping[str, Any]) -> Any:
    """Answer a request, by its `ask`: `samples` or `survivors`."""
    arguments = {name: value for name, value in request.items() if name != "ask"}
    functions: dict[str, Callable[..., Any]] = {"samples": propose, "survivors": find_survivors}
    return functions[request["ask"]](**arguments)


def propose(
    ranges: Mapping[str, Mapping[str, Any]],
    searcher: str,
    seed: int,
    count: int,
    scores: Sequence[float] = (),
) -> list[Sample]:
    """Propose the settings of the first samples of a search, the same ones whenever asked.

    Args:
        ranges: setting -> `values`, or `kind`, `low` and `high`.
        searcher: random or optuna.
        seed: the seed of the search.
        count: the number of samples of the whole search.
        scores: the scores of the first samples; more of them may make optuna propose more.

    Returns:
        setting -> value for each sample that follows from the scores; of `values`, the index.
    """
    space = {name: _domain(content) for name, content in ranges.items()}
    is_random = searcher == "random"
    samples = _draw(space, seed, count) if is_random else _ask_optuna(space, seed, scores)
    return [sample for sample, _ in zip(samples, range(count), strict=False)]


def find_survivors(
    scores: Sequence[float], milestone: int, steps: int, reduction: float
) -> list[int]:
    """Return which samples go on after a milestone, by the rule of Ray's ASHA scheduler.

    The scheduler judges each result by those before it. Here all samples have reached the milestone
    before any is judged, so that each one is judged as if it were the last: what goes on depends
    neither on the order in which they ended, nor on who asks.
    """
    numbers = range(len(scores))
    return [each for each in numbers if _goes_on(each, scores, milestone, steps, reduction)]


def _goes_on(
    number: int, scores: Sequence[float], milestone: int, steps: int, reduction: float
) -> bool:
    from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

    scheduler: Any = AsyncHyperBandScheduler(
        time_attr=_TIME,
        metric=_METRIC,
        mode="max",
        max_t=steps,
        grace_period=milestone,
        reduction_factor=reduction,
        stop_last_trials=False,
    )
    decision = None
    for each in (*(n for n in range(len(scores)) if n != number), number):
        trial: Any = SimpleNamespace(trial_id=str(each))
        scheduler.on_trial_add(None, trial)
        result = {_TIME: milestone, _METRIC: scores[each]}
        decision = scheduler.on_trial_result(None, trial, result)
    return bool(decision == TrialScheduler.CONTINUE)


def _domain(content: Mapping[str, Any]) -> Any:
    """Return a range as Ray Tune's search space has it."""
    from ray import tune

    if "values" in content:
        return tune.choice(list(range(len(content["values"]))))
    low, high = content["low"], content["high"]
    if content["kind"] == "integer":
        return tune.randint(low, high + 1)
    return (tune.loguniform if content["kind"] == "log_uniform" else tune.uniform)(low, high)


def _draw(space: Mapping[str, Any], seed: int, count: int) -> Iterator[Sample]:
    """Draw samples as Ray Tune's BasicVariantGenerator does."""
    import numpy as np
    from ray.tune.search.variant_generator import generate_variants

    random = np.random.RandomState(seed)
    for _ in range(count):
        for _, variant in generate_variants({"config": dict(space)}, random_state=random):
            yield variant["config"]


def _ask_optuna(space: Mapping[str, Any], seed: int, scores: Sequence[float]) -> Iterator[Sample]:
    """Repeat a search up to the scores that are known, and propose the next batch."""
    import optuna
    from ray.tune.search.optuna import OptunaSearch

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    converted = OptunaSearch.convert_search_space(dict(space))
    sampler = optuna.samplers.TPESampler(seed=seed)
    search = OptunaSearch(converted, metric=_METRIC, mode="max", sampler=sampler)
    for first in range(0, len(scores) + 1, BATCH):
        names = [str(number) for number in range(first, first + BATCH)]
        for name in names:
            yield dict(search.suggest(name) or {})
        batch_scores = scores[first : first + BATCH]
        if len(batch_scores) < BATCH:
            return
        for name, score in zip(names, batch_scores, strict=True):
            search.on_trial_complete(name, {_METRIC: score, _TIME: 1})


def main() -> None:
    """Answer requests until the input ends."""
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
