"""The storage of trial directories, in a folder, in memory and in S3."""

import errno
import pickle
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from s3fs.errors import translate_boto_error

from orchestrator.remote_storage import UnreachableStorageError, error_text
from orchestrator.storage import RESULT, Storage, attempts_of, newest_with
from tests.s3_server import serve_s3
from vss.errors import UserError

TRIAL, OTHER = "0123456789ab", "ba9876543210"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with serve_s3() as address:
        yield address


@pytest.fixture(params=["memory", "s3"])
def remote(request: pytest.FixtureRequest) -> Storage:
    """Return an empty storage that is not a folder."""
    if request.param == "memory":
        return Storage(f"memory://{uuid.uuid4().hex}")
    return Storage(f"{request.getfixturevalue('s3')}/{uuid.uuid4().hex}")


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """Return a complete trial directory."""
    folder = tmp_path / "finished"
    (folder / "pictures").mkdir(parents=True)
    for name in ("config.json", RESULT, "pictures/a.png"):
        (folder / name).write_text(f"content of {name}")
    return folder


def fill(storage: Storage, tmp_path: Path, *keys: str) -> None:
    for key in keys:
        file = tmp_path / "source"
        file.write_text(key)
        storage.upload(file, key)


@pytest.mark.slow
def test_result_is_added_and_fetched(remote: Storage, finished: Path, tmp_path: Path) -> None:
    remote.add_result(finished, TRIAL, 3)

    folder = remote.fetch(TRIAL, tmp_path / "cache", "config.json", "missing")

    assert remote.find_trials() == [TRIAL]
    assert {path.name for path in folder.iterdir()} == {"config.json"}
    assert (folder / "config.json").read_text() == "content of config.json"
    assert set(remote.list_files(TRIAL)) == {"3/config.json", f"3/{RESULT}", "3/pictures/a.png"}


@pytest.mark.slow
def test_size_and_time_of_files_are_known(remote: Storage, finished: Path) -> None:
    remote.add_result(finished, TRIAL, 1)

    file = remote.list_files(TRIAL)["1/config.json"]

    assert file.size_bytes == len("content of config.json")
    assert file.changed_at > 1.7e9


@pytest.mark.slow
def test_newest_attempt_with_a_result_is_read(remote: Storage, tmp_path: Path) -> None:
    keys = [f"{TRIAL}/{n}/{name}" for n in (2, 10) for name in (RESULT, "config.json")]
    fill(remote, tmp_path, *keys, f"{TRIAL}/11/config.json")

    folder = remote.fetch(TRIAL, tmp_path / "cache", "config.json")

    assert (folder / "config.json").read_text() == f"{TRIAL}/10/config.json"
    assert attempts_of(remote.list_files(TRIAL)) == {2, 10, 11}
    assert newest_with("config.json", remote.list_files(TRIAL)) == 11


def test_result_that_is_there_is_not_replaced(
    remote: Storage, finished: Path, tmp_path: Path
) -> None:
    remote.add_result(finished, TRIAL, 1)
    (finished / "config.json").write_text("different")

    remote.add_result(finished, TRIAL, 2)

    assert attempts_of(remote.list_files(TRIAL)) == {1}


@pytest.mark.slow
def test_trial_is_removed_and_the_others_stay(remote: Storage, finished: Path) -> None:
    remote.add_result(finished, TRIAL, 1)
    remote.add_result(finished, OTHER, 1)

    remote.remove(TRIAL)
    remote.remove(TRIAL)

    assert remote.find_trials() == [OTHER]
    assert remote.find_trials("01") == []
    assert remote.list_files(TRIAL) == {}


@pytest.mark.slow
def test_file_is_found_by_its_digest(remote: Storage, finished: Path, tmp_path: Path) -> None:
    remote.add_file(finished / RESULT, "sha256:abc")

    assert remote.find_file("sha256:abc", tmp_path / "c").read_text() == f"content of {RESULT}"
    assert remote.find_trials() == []
    with pytest.raises(UserError, match="does not have the file with sha256:def: submit again"):
        remote.find_file("sha256:def", tmp_path / "c")


@pytest.mark.slow
def test_log_is_read_while_it_grows(remote: Storage, tmp_path: Path) -> None:
    assert remote.read_log(TRIAL, 2, "log-2.txt") is None

    fill(remote, tmp_path, f"{TRIAL}/2/log-2.txt")

    assert remote.read_log(TRIAL, 2, "log-2.txt") == f"{TRIAL}/2/log-2.txt".encode()


def test_empty_storage_can_be_used(remote: Storage) -> None:
    remote.prepare()
    remote.check_writable()

    assert remote.find_trials() == []


def test_storage_can_be_sent_to_a_worker(remote: Storage, finished: Path) -> None:
    remote.add_result(finished, TRIAL, 1)

    copy = pickle.loads(pickle.dumps(remote))

    assert (copy, copy.find_trials()) == (remote, [TRIAL])


def test_folder_holds_trial_directories_themselves(tmp_path: Path, finished: Path) -> None:
    storage = Storage(f"file://{tmp_path}/storage")
    storage.add_result(finished, TRIAL, 3)
    (tmp_path / "storage" / "notes").mkdir()

    assert storage.folder == tmp_path / "storage"
    assert storage.find_trials() == [TRIAL]
    assert set(storage.list_files(TRIAL)) == {"config.json", RESULT, "pictures/a.png"}
    assert storage.fetch(TRIAL, tmp_path / "unused") == tmp_path / "storage" / TRIAL
    assert storage.has_result(TRIAL)
    storage.remove(TRIAL)
    assert storage.find_trials() == []


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nonsense://x", r"VSS_STORAGE=nonsense://x: .*; write a folder or s3://bucket/prefix"),
        ("gcs://bucket/x", r"VSS_STORAGE=gcs://bucket/x needs another package: pip install gcsfs"),
    ],
)
def test_unusable_address_is_an_error_with_a_remedy(address: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Storage(address).prepare()


def test_storage_that_does_not_answer_is_an_outage_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(address: str) -> None:
        raise RuntimeError("connection lost")

    monkeypatch.setattr("orchestrator.remote_storage._open", fail)

    with pytest.raises(UserError, match=r"^s3://b/x does not answer: connection lost;") as info:
        Storage("s3://b/x").find_trials()

    assert isinstance(info.value, OSError)
    assert info.value.errno == errno.EHOSTUNREACH


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (500, "InternalError", "s3://b/x does not answer: we are sorry"),
        (503, "ServiceUnavailable", "s3://b/x does not answer: we are sorry"),
        (418, "NewCode", "s3://b/x does not answer: .*we are sorry"),
        (403, "SignatureDoesNotMatch", "no access to VSS_STORAGE=s3://b/x: we are sorry"),
        (400, "InvalidBucketName", "VSS_STORAGE=s3://b/x is refused: we are sorry"),
    ],
)
def test_error_of_the_service_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, message: str
) -> None:
    response = {
        "Error": {"Code": code, "Message": "we are\nsorry"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }

    def fail(address: str) -> None:
        raise translate_boto_error(ClientError(response, "ListObjectsV2"))

    monkeypatch.setattr("orchestrator.remote_storage._open", fail)

    with pytest.raises(UserError, match=rf"^{message}; check the AWS_ variables") as info:
        Storage("s3://b/x").prepare()

    assert isinstance(info.value, UnreachableStorageError) == ("does not answer" in message)


def test_missing_credentials_are_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(address: str) -> None:
        raise NoCredentialsError

    monkeypatch.setattr("orchestrator.remote_storage._open", fail)

    with pytest.raises(UserError, match="cannot be used: Unable to locate credentials; check"):
        Storage("s3://b/x").prepare()


def test_full_disk_at_a_download_stays_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(address: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("orchestrator.remote_storage._open", fail)

    with pytest.raises(OSError, match="No space left") as info:
        Storage("s3://b/x").download("a", tmp_path / "a")

    assert info.value.errno == errno.ENOSPC


def test_missing_bucket_is_refused_before_anything_starts(s3: str) -> None:
    with pytest.raises(UserError, match=r"^VSS_STORAGE=s3://no-bucket/x names a bucket that does"):
        Storage("s3://no-bucket/x").prepare()


@pytest.mark.slow
def test_place_that_cannot_be_written_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(address: str) -> None:
        raise NotImplementedError

    monkeypatch.setattr("orchestrator.remote_storage._open", fail)

    with pytest.raises(UserError, match=r"^VSS_STORAGE=zip://x cannot be written: write a folder"):
        Storage("zip://x").prepare()


@pytest.mark.slow
def test_password_in_the_address_of_the_service_stays_out_of_logs() -> None:
    text = error_text(OSError("cannot connect to http://me:geheim-99@host/bucket"))

    assert "geheim" not in text
    assert "host/bucket" in text
