"""The variation over seeds: an additive model of cell and seed, with moderated variances per cell.

The score of cell c at seed s is modelled as m_c + b_s + e_cs. All cells share the seeds (the same
initial weights and batches), so b_s cancels in a comparison; e_cs is normal with the variance v_c
of its cell. Three seeds say little about one v_c, but the cells of a study resemble each other:

    v_c ~ scaled inverse chi-square(d, v)      all cells but the baseline
    v_0 ~ scaled inverse chi-square(1/2, v)    the baseline, which is in every comparison

and a cell with n of the N seeds that another one has, 3 <= n < N, with 1/2 (n / N)^2 instead of d:
its own scores say less about it than the others', so it would be taken for one of them, and cells
whose trials fail are often the unstable ones.

d says how much the cells resemble each other; its prior gives equal weight to `RESEMBLANCES`. The
prior of v is 1/v; those of b and m are flat. A Gibbs sampler draws all of them, so that uncertainty
about d and v widens the intervals.

Source of the moderation: Smyth 2004, who estimates d and v and then takes them as known.
Alternatives that did worse: d and v taken as known (7 to 8 % false verdicts at 3 cells, nominal
5 %); one v for all cells (7 to 11 % where deviations differ fourfold); the baseline moderated like
the others (11 to 23 % where it is the noisy one, 10 to 20 cells); a separate d for each cell
(equally safe, but intervals up to a tenth wider where cells are alike). `benchmarks/verdicts.py`
prints the rates of this model.

Shapes: B studies, K cells, N seeds, D draws.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from reports.analysis.verdict import SEEDS_FOR_A_VERDICT

Numbers = NDArray[np.float64]

RESEMBLANCES = np.array([1.0, 2, 4, 8, 16, 32, 64, 256])
LARGEST_FIXED_RESEMBLANCE = 0.5
BURN_IN = 60
_ROUNDING = 1e-12  # as a fraction of a score; smaller residuals are not variation


@dataclass(frozen=True)
class SeedErrors:
    """The errors of cell means over seeds, as draws from their posterior.

    Attributes:
        estimates: the (B, K) means of the cells, adjusted for the seeds that some of them lack.
        errors: the (D, B, K) draws of the true means minus `estimates`.
        variances: the (B, K) medians of v_c, the variance of one training run.
    """

    estimates: Numbers
    errors: Numbers
    variances: Numbers


def sample_seed_errors(
    scores: Numbers,
    draws: int,
    rng: np.random.Generator,
    chains: int = 1,
    has_baseline: bool = True,
) -> SeedErrors:
    """Draw the errors of cell means.

    Args:
        scores: the (B, K, N) scores, the baseline first; NaN where a trial is missing. Every cell
            has a score, and the cells are connected through the seeds that they share.
        draws: the number D of draws, rounded up to a multiple of `chains`.
        rng: the source of the draws.
        chains: the number of independent chains for each study.
        has_baseline: whether the first cell is in every comparison.
    """
    studies, cells = scores.shape[:2]
    steps = -(-draws // chains)
    errors = np.zeros((steps * chains, studies, cells))
    plain = fit_means(scores, np.ones((studies, cells)))
    fit = SeedErrors(plain, errors, np.zeros((studies, cells)))
    varies = _do_seeds_disagree(scores, plain)
    if varies.any():
        chain = _Chain(np.repeat(scores[varies], chains, axis=0), rng, has_baseline)
        posterior = _summarise(scores[varies], chain, *chain.run(steps))
        fit.estimates[varies] = posterior.estimates
        fit.errors[:, varies] = posterior.errors
        fit.variances[varies] = posterior.variances
    return fit


def _do_seeds_disagree(scores: Numbers, means: Numbers) -> NDArray[np.bool_]:
    """Return for each study whether the residuals of m_c + b_s exceed rounding errors: (B,)."""
    residual = scores - means[:, :, None]
    residual -= np.nanmean(residual, axis=1, keepdims=True)
    size = np.nanmax(np.abs(scores), axis=(1, 2))
    return np.asarray(np.nanmax(np.abs(residual), axis=(1, 2)) > _ROUNDING * size)


def _summarise(scores: Numbers, chain: "_Chain", means: Numbers, variances: Numbers) -> SeedErrors:
    """Turn the draws of a chain, (steps, B * chains, K), into the errors of each study."""
    studies, cells = scores.shape[:2]
    chains = means.shape[1] // studies

    def by_study(x: Numbers) -> Numbers:  # (steps, B * chains, K) -> (D, B, K)
        by_chain = x.reshape(len(x), studies, chains, cells)
        return by_chain.transpose(0, 2, 1, 3).reshape(-1, studies, cells)

    means, variances = by_study(means), by_study(variances)
    scale = chain.scale.reshape(studies, chains)[:, :1]
    precision = (1 / variances).mean(axis=0)
    estimates = fit_means(scores, precision)
    errors = means * scale - (estimates - np.nanmean(scores, axis=(1, 2))[:, None])
    return SeedErrors(estimates, errors, np.median(variances, axis=0) * scale**2)


def fit_means(scores: Numbers, precision: Numbers) -> Numbers:
    """Fit m_c + b_s, where the b_s add up to 0, by least squares: (B, K).

    The mean of a cell that lacks no seed is its plain mean, whatever the weights.

    Args:
        scores: the (B, K, N) scores; NaN where a trial is missing. Seeds connect all cells.
        precision: the (B, K) weights 1 / v_c.
    """
    is_present = ~np.isnan(scores)
    if is_present.all():
        return np.asarray(scores.mean(axis=2))
    weights = is_present * precision[:, :, None]  # (B, K, N)
    share = weights / weights.sum(axis=1, keepdims=True)
    known_scores = np.where(is_present, scores, 0.0)
    seed_means = (share * known_scores).sum(axis=1, keepdims=True)
    normal = np.einsum("bcs,bks->bck", -weights, share)
    cells = np.arange(scores.shape[1])
    normal[:, cells, cells] += weights.sum(axis=2)
    right = (weights * (known_scores - seed_means)).sum(axis=2)
    means = np.einsum("bck,bk->bc", np.linalg.pinv(normal, hermitian=True), right)
    level = (seed_means - np.einsum("bc,bcs->bs", means, share)[:, None, :]).mean(axis=2)
    return np.asarray(means + level)


def _fix_resemblance(counts: Numbers, has_baseline: bool) -> Numbers:
    """Return the (B, K) values of d that are fixed; NaN where d is drawn.

    Args:
        counts: the (B, K) numbers of seeds.
        has_baseline: whether the first cell is in every comparison.
    """
    share = counts / counts.max(axis=1, keepdims=True)
    lacks_seeds = (share < 1) & (counts >= SEEDS_FOR_A_VERDICT)
    fixed = np.where(lacks_seeds, LARGEST_FIXED_RESEMBLANCE * share**2, np.nan)
    if has_baseline:
        fixed[:, 0] = LARGEST_FIXED_RESEMBLANCE
    return fixed


class _Chain:
    """A Gibbs sampler, run for many studies side by side.

    Attributes:
        scale: the (B,) units of its numbers: the deviations of the residuals of m_c + b_s.
    """

    def __init__(self, scores: Numbers, rng: np.random.Generator, has_baseline: bool) -> None:
        is_present = ~np.isnan(scores)
        self._present = is_present.astype(np.float64)
        self._counts = self._present.sum(axis=2)
        self._rng = rng
        means = np.nanmean(scores, axis=(1, 2))[:, None, None]
        centred_scores = np.where(is_present, scores - means, 0.0)
        self._means = centred_scores.sum(axis=2) / self._counts
        self._seeds = np.zeros((len(scores), scores.shape[2]))
        residual = self._present * (centred_scores - self._means[:, :, None])
        residual -= self._present * (residual.sum(axis=1) / self._present.sum(axis=1))[:, None, :]
        self.scale = np.sqrt((residual**2).sum(axis=(1, 2)) / self._present.sum(axis=(1, 2)))
        self._scores = centred_scores / self.scale[:, None, None]
        self._means /= self.scale[:, None]
        self._variances = np.ones_like(self._means)
        self._common = np.ones(len(scores))
        self._fixed = _fix_resemblance(self._counts, has_baseline)
        self._moderated = np.isnan(self._fixed).astype(np.float64)
        self._resemblance = np.where(self._moderated, 4.0, self._fixed)
        # With gaps, means and seeds depend on each other more, so a draw takes more moves.
        self._moves = 1 if is_present.all() else 4
        half = RESEMBLANCES / 2
        number = self._moderated.sum(axis=1, keepdims=True)
        self._log_constant = number * (half * np.log(half) - gammaln(half))

    def run(self, steps: int) -> tuple[Numbers, Numbers]:
        """Return the (steps, B, K) means and variances after the burn-in, in units of `scale`."""
        means = np.empty((steps, *self._means.shape))
        variances = np.empty_like(means)
        for step in range(-BURN_IN, steps):
            for _ in range(self._moves):
                self._draw_seeds_and_means()
            self._draw_variances()
            if step >= 0:
                means[step], variances[step] = self._means, self._variances
        return means, variances

    def _draw_seeds_and_means(self) -> None:
        weights = self._present / self._variances[:, :, None]
        total = weights.sum(axis=1)
        residual = self._scores - self._means[:, :, None]
        self._seeds = (weights * residual).sum(axis=1) / total
        self._seeds += self._rng.normal(size=total.shape) / np.sqrt(total)
        self._seeds -= self._seeds.mean(axis=1, keepdims=True)  # the means contain any constant
        residual = self._present * (self._scores - self._seeds[:, None, :])
        deviation = np.sqrt(self._variances / self._counts)
        self._means = residual.sum(axis=2) / self._counts
        self._means += self._rng.normal(size=deviation.shape) * deviation

    def _draw_variances(self) -> None:
        residual = self._scores - self._means[:, :, None] - self._seeds[:, None, :]
        squares = (self._present * residual**2).sum(axis=2)
        prior = self._resemblance * self._common[:, None]
        freedom = self._resemblance + self._counts
        self._variances = (prior + squares) / self._rng.chisquare(freedom)
        precision = 1 / self._variances
        shape = self._resemblance.sum(axis=1) / 2
        self._common = self._rng.gamma(shape) / ((self._resemblance * precision).sum(axis=1) / 2)
        shared = self._draw_resemblance(precision)[:, None]
        self._resemblance = np.where(self._moderated, shared, self._fixed)

    def _draw_resemblance(self, precision: Numbers) -> Numbers:
        number, logs = self._moderated.sum(axis=1), np.log(precision) * self._moderated
        fit = number * np.log(self._common) + logs.sum(axis=1)
        fit -= self._common * (precision * self._moderated).sum(axis=1)
        log_weights = self._log_constant + fit[:, None] * RESEMBLANCES / 2
        log_weights -= log_weights.max(axis=1, keepdims=True)
        cumulative = np.exp(log_weights).cumsum(axis=1)
        uniform = self._rng.random((len(cumulative), 1)) * cumulative[:, -1:]
        return np.asarray(RESEMBLANCES[(cumulative < uniform).sum(axis=1)])
