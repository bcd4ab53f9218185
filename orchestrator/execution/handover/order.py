"""What a user's command hands over to the job that drives an experiment: one file."""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.secrecy.addresses import split_login, without_password
from orchestrator.secrecy.known_values import is_secret_variable
from orchestrator.settings import Settings, variables_of_password_files
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.file import load_spec_text
from orchestrator.spec.overrides import read_overrides, remove_record
from vss.errors import UserError

# The file in the code that is shipped to a cluster.
SHIPPED_FILE = "orchestrator/execution/handover/order.json"
_PREFIXES = ("VSS_", "MLFLOW_", "PG", "AWS_")
# Each node has its own; those of the user's machine mean nothing there.
_OF_A_MACHINE = {"VSS_DATA", "VSS_CACHE", "VSS_CACHE_GB"}


@dataclass(frozen=True)
class Order:
    """A submit to be run by a job.

    Attributes:
        job: the id of the job.
        source: the text of the spec, with its overrides.
        spec: the absolute path of the spec, which the files that it names are relative to.
        trial_ids: the trials to run.
        later_ids: the trials of later looks, up to the one that was chosen.
        data: dataset -> folder, from the command line.
        pictures: whether the report shows frames.
        words: the words after `vss-orch` as the user typed them.
        environment: variables with addresses and folders; with passwords only if it is local.
        is_local: whether the job runs on the user's machine; elsewhere, variables that a node has
            set itself take precedence.
        is_insecure: whether Ray may do without a token.
    """

    job: str
    source: str
    spec: str
    trial_ids: Sequence[str]
    later_ids: Sequence[str]
    data: Mapping[str, str]
    pictures: bool
    words: Sequence[str]
    environment: Mapping[str, str]
    is_local: bool
    is_insecure: bool = False

    def write(self, file: Path) -> None:
        """Write it into a file that only its owner can read: it may contain passwords.

        Code that is shipped to a cluster stays in the folders of its nodes, where everybody can
        read it: what is shipped contains none.
        """
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            json.dump(dataclasses.asdict(self), stream)

    @classmethod
    def read(cls, file: Path) -> "Order":
        """Read it from its file."""
        return cls(**json.loads(file.read_text()))

    def set_environment(self) -> None:
        """Set the variables in this process."""
        for name, value in self.environment.items():
            if self.is_local or name not in os.environ:
                os.environ[name] = value

    def build_experiment(self) -> Experiment:
        """Check the spec again and return the experiment.

        Raises:
            UserError: if a file that it names is missing here, or is not the same.
        """
        overrides = read_overrides(self.source)
        spec = load_spec_text(remove_record(self.source), Path(self.spec), overrides)
        by_id = spec.trial_by_id
        if not {*self.trial_ids, *self.later_ids} <= by_id.keys():
            raise UserError(
                f"{self.spec}: a file that it names has other contents on the cluster than where "
                "it was submitted; put the same file on both"
            )
        # Before a search, equal cells have equal trials.
        trials, later = (
            tuple(trial for trial in spec.trials if trial.trial_id in set(ids))
            for ids in (self.trial_ids, self.later_ids)
        )
        return dataclasses.replace(spec, trials=trials, later_trials=later)


def collect_environment(settings: Settings, is_local: bool) -> dict[str, str]:
    """Return the variables that a job needs to find the same stores."""
    variables = {name: value for name, value in os.environ.items() if name.startswith(_PREFIXES)}
    variables |= {
        "VSS_HOME": str(settings.home),
        "VSS_LEDGER_URL": settings.ledger_url,
        "MLFLOW_TRACKING_URI": settings.tracking_uri,
        "VSS_STORAGE": str(settings.storage),
    }
    if is_local:
        if settings.data is not None:
            variables["VSS_DATA"] = str(settings.data)
        return variables
    # Passwords stay here: the nodes of the cluster have their own copies.
    own = _OF_A_MACHINE | variables_of_password_files()
    return {
        name: without_password(value)
        for name, value in variables.items()
        if name not in own and not is_secret_variable(name)
    }


def list_own_passwords() -> list[str]:
    """Return the variables with passwords that are not shipped, for a hint to the user."""
    addresses = ("VSS_LEDGER_URL", "MLFLOW_BACKEND_STORE_URI", "MLFLOW_TRACKING_URI")
    return sorted(
        name
        for name, value in os.environ.items()
        if (name.startswith(_PREFIXES) and is_secret_variable(name))
        or (name in addresses and split_login(value).password is not None)
    )
