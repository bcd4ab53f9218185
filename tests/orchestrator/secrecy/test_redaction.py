"""The redactor, with odd addresses and generated passwords."""

import base64
import json
import string
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.secrecy import redact
from orchestrator.secrecy.redaction import redact_all

PASSWORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Z", "C"], exclude_characters=""), min_size=1
).filter(lambda text: len(text.split()) == 1)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("postgresql://vss:geheim@db/ledger", "postgresql://vss:***@db/ledger"),
        ("postgresql+psycopg://vss:a@b@db/x", "postgresql+psycopg://vss:***@db/x"),
        ("http://vss:a/b?c#d@host:5000", "http://vss:***@host:5000"),
        ("http://vss:p%40ss@host", "http://vss:***@host"),
        ("redis://:geheim@host", "redis://:***@host"),
        ("HTTP://vss:geheim@[::1]:5000/", "HTTP://vss:***@[::1]:5000/"),
        ("https://ghp_geheim@github.com/x", "https://***@github.com/x"),
        ("(http://a:geheim@b, ftp://c:geheim@d)", "(http://a:***@b, ftp://c:***@d)"),
        ("at 'http://a:geheim@b': refused", "at 'http://a:***@b': refused"),
        ("?uri=http%3A%2F%2Fu%3Ageheim%40host", "?uri=http%3A%2F%2Fu%3A***%40host"),
        ("postgresql://db/x?user=a&password=geheim", "postgresql://db/x?user=a&password=***"),
        ("https://host/?a=1&token=geheim&b=2", "https://host/?a=1&token=***&b=2"),
        ("https://host/?key=geheim", "https://host/?key=***"),
        ("host=db password='ge heim' user=a", "host=db password=*** user=a"),
        ("AWS_SECRET_ACCESS_KEY=geheim", "AWS_SECRET_ACCESS_KEY=***"),
        ('{"api_key": "ge\\"heim"}', '{"api_key": "***"}'),
        ("{'password': 'geheim', 'x': 1}", "{'password': '***', 'x': 1}"),
        ("Authorization: Basic dnNzOmdlaGVpbQ==", "Authorization: Basic ***"),
        ("'authorization': 'Bearer geheim'", "'authorization': 'Bearer ***'"),
    ],
)
def test_secrets_that_look_like_secrets_are_hidden(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "postgresql+psycopg://vss@db:5432/ledger",
        "sqlite:////home/me/runs/ledger.db",
        "http://127.0.0.1:5000/#/experiments/1/runs?searchFilter=tags.%60a%60",
        "s3://bucket/prefix",
        "RAY_AUTH_MODE=token ray job logs --address http://127.0.0.1:8265 tiny-1",
        "VSS_LEDGER_PASSWORD_FILE=/run/secrets/postgres_password cannot be read",
        "wrong password: check it; the key=head of a cell",
        "mail me@example.org about http://host:5000",
        "36.14 ± 0.17 (3)",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert redact(text) == text


@pytest.mark.slow
@pytest.mark.parametrize(
    "part",
    ["a", "a.", "http://a:", "://", "https://", "http%3A%2F%2F", "password", "authorization:"],
)
def test_endless_words_are_read_once(part: str) -> None:
    """A pattern that reads them from each letter again would take hours."""
    word = part * (10**6 // len(part))

    assert redact(f"@ {word} =") == f"@ {word} ="


@pytest.mark.slow
@given(password=PASSWORDS, scheme=st.sampled_from(["http", "postgresql+psycopg", "mysql", "s3"]))
def test_no_password_in_an_address_survives(password: str, scheme: str) -> None:
    redacted = redact(f"cannot reach {scheme}://user:{password}@host:5432/db; check it")

    assert redacted == f"cannot reach {scheme}://user:***@host:5432/db; check it"


@pytest.mark.slow
@pytest.mark.parametrize(
    "variable",
    [
        "PGPASSWORD",
        "MLFLOW_TRACKING_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "RAY_AUTH_TOKEN",
        "MY_API_KEY",
    ],
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(string.printable, min_size=8).filter(lambda s: len(s.strip()) >= 8))
def test_known_secret_survives_in_no_form(
    variable: str, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv(variable, secret)
        forms = [secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]]

        for form in forms:
            assert form not in redact(f"before {form} after"), form


def test_password_of_an_address_in_the_environment_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VSS_LEDGER_URL", "postgresql://vss:kuchen%40sahne@db/ledger")

    assert redact("password kuchen@sahne, or kuchen%40sahne") == "password ***, or ***"


def test_basic_authentication_of_mlflow_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "vss")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "sahnetorte")
    header = base64.b64encode(b"vss:sahnetorte").decode()

    assert redact(f"sent {header}") == "sent ***"


def test_tokens_of_notifications_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSS_NOTIFY", "tgram://123456789:AAbbCCddEEffGGhhII/42, mailto://a:pass-1@h")

    text = redact("AAbbCCddEEffGGhhII and pass-1")

    assert text == "*** and ***"


def test_token_in_the_file_of_ray_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("0123456789abcdef\n")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))

    assert redact("Bearer 0123456789abcdef") == "Bearer ***"


def test_short_secret_hides_no_part_of_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "postgres")

    assert redact("postgresql, postgres") == "postgresql, ***"


def test_json_keeps_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"address": ["http://a:geheim@b"], "n": 1, "password=x": None}

    assert redact_all(value) == {"address": ["http://a:***@b"], "n": 1, "password=x": None}
