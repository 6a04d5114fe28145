"""What we know about bodies; knows nobody. The front door of the rules."""

from rules.assess import Assessment, Finding, NearMiss, Priority, Reason
from rules.criteria import SIDES, Side
from rules.facts import Attempt, Facts, Path, Value
from rules.library import ContentError, Library, load_library
from rules.progression import NoPlan, Plan, Prescribed
from rules.safety import Flag
from rules.screen import Action, ContextName, Driver, Grade, Question, Row, Screen, Urgency

__all__ = [
    "SIDES",
    "Action",
    "Assessment",
    "Attempt",
    "ContentError",
    "ContextName",
    "Driver",
    "Facts",
    "Finding",
    "Flag",
    "Grade",
    "Library",
    "NearMiss",
    "NoPlan",
    "Path",
    "Plan",
    "Prescribed",
    "Priority",
    "Question",
    "Reason",
    "Row",
    "Screen",
    "Side",
    "Urgency",
    "Value",
    "load_library",
]
