"""What the environment says of the webhook: an error names the setting, and what to do."""

from __future__ import annotations

import pytest

from bot.settings import SettingsError, place, read_settings

URL, SECRET = "https://coxa.example.com/telegram", "a" * 32  # pragma: allowlist secret


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("COXA_WEBHOOK_URL", "http://coxa.example.com/telegram", "https://coxa"),
        ("COXA_WEBHOOK_URL", "https:///telegram", "https://coxa"),
        ("COXA_WEBHOOK_URL", "https://coxa.example.com:8080/telegram", "8443"),
        ("COXA_WEBHOOK_SECRET", "a" * 31, "openssl rand -hex 32"),
        ("COXA_WEBHOOK_SECRET", "a" * 257, "openssl rand -hex 32"),
        ("COXA_WEBHOOK_SECRET", "a" * 31 + "+", "openssl rand -hex 32"),
        ("COXA_WEBHOOK_PATH", "telegram", "as /telegram"),
        ("COXA_WEBHOOK_PATH", "/{x}", "as /telegram"),
        ("COXA_WEBHOOK_PATH", "/readyz", "as /telegram"),
        ("COXA_WEBHOOK_LISTEN", "8080", "host:port"),
        ("COXA_WEBHOOK_LISTEN", "localhost:", "host:port"),
        ("COXA_WEBHOOK_LISTEN", "localhost:99999", "host:port"),
        ("COXA_METRICS_LISTEN", "::1:9464", "host:port"),
        ("COXA_LOG", "xml", "give json"),
        ("COXA_OTLP_ENDPOINT", "ftp://collector", "http://127.0.0.1:4318"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=rf"{name}: .*") as error:
        read_settings()
    assert said in str(error.value)
    if name == "COXA_WEBHOOK_SECRET":
        assert value not in str(error.value)


def test_a_webhook_needs_its_address_and_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="COXA_WEBHOOK_URL is not set; give"):
        read_settings().webhook()
    monkeypatch.setenv("COXA_WEBHOOK_URL", URL)
    with pytest.raises(SettingsError, match=r"COXA_WEBHOOK_SECRET is not set; .*openssl"):
        read_settings().webhook()
    monkeypatch.setenv("COXA_WEBHOOK_SECRET", f"{SECRET}\n")  # as a file ends
    url, secret = read_settings().webhook()
    assert (url, secret.get_secret_value()) == (URL, SECRET)


def test_a_place_is_host_and_port() -> None:
    assert place("127.0.0.1:8080") == ("127.0.0.1", 8080)
    assert place("[::1]:9464") == ("::1", 9464)
