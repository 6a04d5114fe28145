"""What we know about bodies; knows nobody. The front door of the rules."""

from rules.assess import Assessment, Finding, NearMiss, Priority, Reason, assess
from rules.criteria import SIDES, Side
from rules.facts import Attempt, Facts, Path, Value
from rules.library import ContentError, Library, load_library
from rules.progression import NoPlan, Plan, Prescribed, first_plan
from rules.questions import Ask, Done, Skip, Stopped, next_question
from rules.safety import Flag
from rules.screen import Action, ContextName, Driver, Grade, Question, Row, Screen, Urgency

__all__ = [
    "SIDES",
    "Action",
    "Ask",
    "Assessment",
    "Attempt",
    "ContentError",
    "ContextName",
    "Done",
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
    "Skip",
    "Stopped",
    "Urgency",
    "Value",
    "assess",
    "first_plan",
    "load_library",
    "next_question",
]
