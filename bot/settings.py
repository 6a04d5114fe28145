"""What the environment decides; the only reader of it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from platformdirs import user_config_dir, user_data_dir
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.timetable.rhythm import tz

WEBHOOK_PORTS = (443, 80, 88, 8443)
"""The ports that Telegram brings updates to."""


class SettingsError(Exception):
    """A setting that can't be used; the message names it and says what it takes."""


def read_settings() -> Settings:
    """Read the settings from the environment; raises SettingsError naming the variable."""
    secrets = os.environ.get("COXA_SECRETS_DIR") or None
    if secrets is not None and not Path(secrets).is_dir():
        raise SettingsError(f"COXA_SECRETS_DIR is {secrets}, which is no folder; give the one that holds the secrets")
    try:
        return Settings(_secrets_dir=secrets)
    except ValidationError as error:
        first = error.errors()[0]
        name = "".join(f"COXA_{str(part).upper()}: " for part in first["loc"][:1])
        raise SettingsError(name + first["msg"].removeprefix("Value error, ")) from error


def _data_dir() -> Path:
    return Path(user_data_dir("coxa", appauthor=False))


def _key_file() -> Path:
    folder = Path(user_config_dir("coxa", appauthor=False))
    if folder == _data_dir():  # macOS and Windows keep data and configuration in one folder
        folder = Path(user_config_dir("coxa-key", appauthor=False))
    return folder / "key.json"


class Settings(BaseSettings):
    """The settings, each from COXA_<NAME> in the environment; an empty variable counts as unset.

    data_dir: where data is kept. database_url: SQLAlchemy's address of the database (default: coxa.db in
    data_dir). key_file: the key that opens health data. screens: a content folder in place of the package's.
    telegram_token: the bot's token, from @BotFather. telegram_api_url: where the Bot API is, as https://host/bot.
    keep_days: after how many days without a word everything about a client is deleted (the default is a proposal).
    telegram_bot: the bot's name, for links to it where the Bot API can't be asked. invite_only: nobody begins without
    a coach's invitation. backup_hours: how often coxa serve makes a backup (unset: never). backup_keep: how many of
    those stay (the default is a proposal). secrets_dir: a folder of files, each named as a setting in small letters
    (coxa_telegram_token) and holding its value; the environment goes before them. webhook_url: where Telegram brings
    updates to. webhook_secret: what it shows with each. webhook_path, webhook_listen: the path and the host:port that
    the bot hears on. metrics_listen: host:port of health and figures (unset: nowhere). log: json for one
    record a line that machines read. otlp_endpoint: where traces go (unset: nowhere). sends_per_second: how many
    messages go out, all processes together (the default is what Telegram takes for nothing; 0: as fast as it goes).
    paid_broadcast: have Telegram take more than that, for Stars. zone: of coaches who never said theirs.
    """

    model_config = SettingsConfigDict(
        env_prefix="COXA_", env_ignore_empty=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    data_dir: Path = Field(default_factory=_data_dir)
    database_url: SecretStr | None = None
    key_file: Path = Field(default_factory=_key_file)
    screens: Path | None = None
    telegram_token: SecretStr | None = None
    telegram_api_url: str = "https://api.telegram.org/bot"
    keep_days: int = Field(default=730, ge=30)
    telegram_bot: str | None = None
    invite_only: bool = False
    zone: str = "UTC"
    backup_hours: int | None = Field(default=None, ge=1)
    backup_keep: int = Field(default=7, ge=1)
    secrets_dir: Path | None = None
    webhook_url: str | None = None
    webhook_secret: SecretStr | None = None
    webhook_path: str = "/telegram"
    webhook_listen: str = "127.0.0.1:8080"
    metrics_listen: str | None = None
    log: Literal["json"] | None = None
    otlp_endpoint: str | None = None
    sends_per_second: float = Field(default=30, ge=0, le=1000)
    paid_broadcast: bool = False

    @field_validator("data_dir", "key_file", "screens")
    @classmethod
    def _whole(cls, path: Path | None) -> Path | None:
        return path.expanduser().absolute() if path is not None else None

    @field_validator("telegram_token")
    @classmethod
    def _token(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", token.get_secret_value().strip()):
            raise ValueError("this is no token; @BotFather gives one like 123456:ABC-def_1")
        return SecretStr(token.get_secret_value().strip()) if token is not None else None

    @field_validator("telegram_bot")
    @classmethod
    def _bot(cls, name: str | None) -> str | None:
        bare = name.strip().removeprefix("@") if name is not None else None
        if bare is not None and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{3,31}", bare):
            raise ValueError(f"it is {name!r}; give the bot's username, like my_coxa_bot")
        return bare

    @field_validator("telegram_api_url")
    @classmethod
    def _api(cls, url: str) -> str:
        if not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?/bot/?", url):
            raise ValueError(f"it is {url!r}; give the Bot API's address as https://api.telegram.org/bot")
        return url.rstrip("/")

    @field_validator("webhook_url")
    @classmethod
    def _reached_at(cls, url: str | None) -> str | None:
        parts = urlsplit(url) if url is not None else None
        if parts is not None and (parts.scheme != "https" or not parts.hostname or re.search(r"\s", url or "")):
            raise ValueError(f"it is {url!r}; give what Telegram can reach, as https://coxa.example.com/telegram")
        if parts is not None and (_port(parts.netloc) or 443) not in WEBHOOK_PORTS:
            raise ValueError(f"it is {url!r}; Telegram goes to the ports 443, 80, 88 and 8443 alone")
        return url

    @field_validator("webhook_secret")
    @classmethod
    def _hard_to_guess(cls, secret: SecretStr | None) -> SecretStr | None:
        bare = secret.get_secret_value().strip() if secret is not None else None
        if bare is not None and not re.fullmatch(r"[A-Za-z0-9_-]{32,256}", bare):
            raise ValueError("give 32 to 256 signs of A-Z, a-z, 0-9, _ and -, as openssl rand -hex 32 prints them")
        return SecretStr(bare) if bare is not None else None

    @field_validator("webhook_path")
    @classmethod
    def _path(cls, path: str) -> str:
        if not re.fullmatch(r"/[A-Za-z0-9._~/-]*", path) or path in ("/healthz", "/readyz"):
            raise ValueError(f"it is {path!r}; give a path as /telegram")
        return path

    @field_validator("webhook_listen", "metrics_listen")
    @classmethod
    def _listens(cls, where: str | None) -> str | None:
        if where is not None and (not re.fullmatch(r"[^\s:/]+:\d+|\[[0-9A-Fa-f:.]+\]:\d+", where) or not _port(where)):
            raise ValueError(f"it is {where!r}; give host:port, as 127.0.0.1:8080 ([::1]:8080 for IPv6)")
        return where

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            tz(zone)
        except ValueError as error:
            raise ValueError(f"it is {zone!r}; give a time zone's name, as Europe/Berlin") from error
        return zone

    @field_validator("log", mode="before")
    @classmethod
    def _kind_of_log(cls, kind: object) -> object:
        if kind not in (None, "json"):
            raise ValueError(f"it is {kind!r}; give json, or leave it unset for lines that people read")
        return kind

    @field_validator("otlp_endpoint")
    @classmethod
    def _receiver(cls, url: str | None) -> str | None:
        if url is not None and not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", url):
            raise ValueError(f"it is {url!r}; give where traces are heard over HTTP, as http://127.0.0.1:4318")
        return url

    @model_validator(mode="after")
    def _key_apart(self) -> Settings:
        if self.key_file.resolve().is_relative_to(self.data_dir.resolve()):
            raise ValueError(
                f"COXA_KEY_FILE is {self.key_file}, inside the data folder {self.data_dir}; keep the key"
                " elsewhere, so that a copy of the data can't be read by whoever finds it"
            )
        if self.screens is not None and not self.screens.is_dir():
            raise ValueError(f"COXA_SCREENS is {self.screens}, which is no folder; give one with safety/ and screens/")
        return self

    def telegram(self) -> SecretStr:
        """Give the bot's token; raises SettingsError where there is none."""
        if self.telegram_token is None:
            raise SettingsError(
                "COXA_TELEGRAM_TOKEN is not set; ask @BotFather on Telegram for a bot, then export its token"
                " (coxa chat needs none)"
            )
        return self.telegram_token

    def webhook(self) -> tuple[str, SecretStr]:
        """Give the webhook's address and its secret; raises SettingsError where either is missing."""
        if self.webhook_url is None:
            raise SettingsError(
                "COXA_WEBHOOK_URL is not set; give the address that Telegram reaches your proxy at, as"
                " https://coxa.example.com/telegram (coxa serve without --webhook needs none)"
            )
        if self.webhook_secret is None:
            raise SettingsError(
                "COXA_WEBHOOK_SECRET is not set; without it anybody could write in anybody's name: openssl rand -hex 32"
                " prints one, the same for every bot that serves this webhook"
            )
        return self.webhook_url, self.webhook_secret

    @property
    def url(self) -> SecretStr:
        """Give the database's address."""
        return self.database_url or SecretStr(f"sqlite+aiosqlite:///{self.data_dir / 'coxa.db'}")

    @property
    def place(self) -> str:
        """Say where data is kept, without any password."""
        return str(self.data_dir / "coxa.db") if self.database_url is None else "the database of COXA_DATABASE_URL"


def place(where: str) -> tuple[str, int]:
    """Give host and port of a setting that was checked."""
    host, _, port = where.rpartition(":")
    return host.strip("[]"), int(port)


def _port(netloc: str) -> int | None:
    """Give the port that an address names; None where it names none that there is."""
    try:
        return urlsplit(f"//{netloc}").port
    except ValueError:
        return None
