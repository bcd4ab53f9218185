"""Latency that is to be measured again, such as that of a busy machine."""

from orchestrator.secrecy import redact
from orchestrator.stores import Stores
from vss.errors import UserError
from vss.profiling.latency_measurement import LatencyMeasurement


def forget_latency(name: str, stores: Stores) -> None:
    """Forget the latency of an experiment's cells, so that the next submit measures it.

    Raises:
        UserError: if there is none.
    """
    run_id = stores.ledger.experiment(name).run_id
    if run_id is None or not stores.tracker.read_latency(run_id).trial_ids():
        raise UserError(
            f"MLflow at {redact(stores.tracker.uri)} has no latency of '{name}'; submit its spec "
            "to measure it"
        )
    stores.tracker.log_latency(run_id, LatencyMeasurement())
    stores.ledger.set_report_state(name, None)  # else that submit would find nothing to do
