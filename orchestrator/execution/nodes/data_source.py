"""The place of a trial's data, found by the machine that reads it."""

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.settings import data_folder
from vss import catalog
from vss.data.custom.description import SIZE_LIMIT
from vss.data.dataset import load_dataset
from vss.errors import UserError
from vss.trial_config import TrialConfig
from vss.untrusted.limited_file import digest


@dataclass(frozen=True)
class DataSource:
    """Where to look for the data of a trial, first place first.

    Attributes:
        dataset: name of the dataset in the catalog.
        digest: digest of the file that describes the dataset, or None if it is a known one.
        option: the folder from `--data`, which all machines see under this path, or None.
        driver_path: the folder or file on the driver's machine, which others may see too, or None.
    """

    dataset: str
    digest: str | None = None
    option: Path | None = None
    driver_path: Path | None = None

    def find(self) -> Path | None:
        """Return the data's path on this machine, or None if the dataset needs none.

        Raises:
            UserError: if this machine does not have it.
        """
        if self.digest is None and not catalog.DATASETS[self.dataset].needs_path:
            return None
        places = list(self._places())
        for _, path in places:
            if self._is_there(path):
                return path
        raise UserError(self._explain_missing(places))

    def _places(self) -> Iterator[tuple[str, Path]]:
        """Yield (origin, path)."""
        if self.option is not None:
            yield f"--data {self.dataset}", self.option
            return
        if (folder := data_folder()) is not None:
            yield "VSS_DATA there", folder / self._name_in_data
        if self.driver_path is not None:
            yield "as where it was submitted", self.driver_path

    @property
    def _name_in_data(self) -> str:
        if self.digest is not None and self.driver_path is not None:
            return self.driver_path.name
        return self.dataset

    def _is_there(self, path: Path) -> bool:
        if self.digest is None:
            return path.is_dir()
        return path.is_file() and digest(path, "dataset file", SIZE_LIMIT) == self.digest

    def _explain_missing(self, places: Sequence[tuple[str, Path]]) -> str:
        host = socket.gethostname()
        looked = ", ".join(f"{path} ({origin})" for origin, path in places)
        problem = f"it is not at {looked}" if looked else "VSS_DATA is not set there"
        if self.digest is None:
            thing = f"dataset '{self.dataset}'"
            remedy = f", or give --data {self.dataset}=PATH if all machines see it"
        else:
            thing = f"the dataset file {self._name_in_data} with {self.digest[:19]}"
            remedy = " and put the file there, next to its data"
        return (
            f"{host} does not have {thing}: {problem}; set VSS_DATA where Ray is started on "
            f"{host}{remedy}"
        )


def read_fingerprint(config: TrialConfig, source: DataSource) -> str:
    """Return the fingerprint of a trial's data on this machine.

    Raises:
        UserError: if this machine does not have it.
    """
    return load_dataset(config, source.find()).fingerprint
