"""The tuning of an experiment: the searches of its cells, and the trials that they lead to."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator.spec.sources.dependencies import Dependencies, order_cells
from orchestrator.spec.tuning.searches import CellSearch, name_common
from orchestrator.spec.tuning.tune import Tune

if TYPE_CHECKING:
    from orchestrator.spec.trial_builder import PlannedTrial, TrialBuilder

# Cell -> the settings that its search has found, or None if all of its samples failed; without the
# cells whose search is not over.
Found = Mapping[str, Mapping[str, Any] | None]


@dataclass(frozen=True)
class Tuning:
    """What an experiment searches.

    Attributes:
        tune: the section of the spec.
        searches: cell -> its search, of the cells that are tuned.
        dependencies: cell -> the cells that it depends on.
        builder: builds the trials of cells with the settings of the spec.
        first_seed: the seed of the trials that samples depend on, such as those of their teacher.
    """

    tune: Tune
    searches: Mapping[str, CellSearch]
    dependencies: Dependencies
    builder: "TrialBuilder"
    first_seed: int

    def order(self) -> list[str]:
        """Return the cells that are tuned, each after those that it depends on."""
        ordered = [cell for cell in order_cells(self.dependencies) if cell in self.searches]
        return [*ordered, *(cell for cell in self.searches if cell not in ordered)]

    def can_search(self, cell: str, found: Found) -> bool:
        """Return whether all that the samples of a cell depend on has been found."""
        sources = [source.cell for source in self.dependencies.get(cell, ())]
        return all(self.can_train(source, found) for source in sources)

    def can_train(self, cell: str, found: Found) -> bool:
        """Return whether the trials of a cell can be built: no search is open that they need.

        One with the settings of the spec waits for the tuned one, whose trials may be the same.
        """
        if cell in self.searches and found.get(cell) is None:
            return False
        tuned = next((each for each in self.searches if name_common(each) == cell), None)
        return (tuned is None or tuned in found) and self.can_search(cell, found)

    def sample_builder(
        self, cell: str, found: Found
    ) -> Callable[[Mapping[str, Any], int, int], "PlannedTrial"]:
        """Return what builds a sample: from its values, its number and its last step."""
        builder, search = self._builder(found), self.searches[cell]

        def build(values: Mapping[str, Any], number: int, last_step: int) -> "PlannedTrial":
            changes = search.sample_settings(values, last_step)
            seed = self.tune.seeds[number]
            trial = builder.build(builder.change(cell, changes), seed, self.first_seed)
            return replace(trial, sample=number)

        return build

    def build_trials(
        self, names: Iterable[tuple[str, int]], found: Found
    ) -> dict[str, list["PlannedTrial"]]:
        """Return cell -> its trials, of those that can be built.

        A cell that is not tuned shares no trial with a tuned one: where the search has found what
        the spec states, only the tuned cell has the trials.

        Args:
            names: cells and seeds.
            found: what the searches have found so far.
        """
        builder = self._builder(found)
        ready = [name for name in names if self.can_train(name[0], found)]
        trials = [builder.trial(cell, seed) for cell, seed in ready]
        tuned_ids = {trial.trial_id for trial in trials if trial.cell in self.searches}
        by_cell: dict[str, list[PlannedTrial]] = {}
        for trial in trials:
            if trial.cell in self.searches or trial.trial_id not in tuned_ids:
                by_cell.setdefault(trial.cell, []).append(trial)
        return by_cell

    def _builder(self, found: Found) -> "TrialBuilder":
        points = [self.builder.change(cell, values) for cell, values in found.items() if values]
        return self.builder.with_points(points)
