"""What we know about bodies; knows nobody. The front door of the rules."""

from rules.assess import Assessment, Finding, NearMiss, Priority, Reason, assess
from rules.criteria import SIDES, Side
from rules.daily import Decision, Today, next_session, stand_in
from rules.facts import Attempt, Facts, Path, Value
from rules.library import ContentError, Library, load_library
from rules.log import (
    Cleared,
    Entry,
    ExerciseReport,
    FlareUp,
    Retracted,
    SessionReport,
    Sliders,
    standing_log,
)
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
    "Cleared",
    "ContentError",
    "ContextName",
    "Decision",
    "Done",
    "Driver",
    "Entry",
    "ExerciseReport",
    "Facts",
    "Finding",
    "Flag",
    "FlareUp",
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
    "Retracted",
    "Row",
    "Screen",
    "SessionReport",
    "Side",
    "Skip",
    "Sliders",
    "Stopped",
    "Today",
    "Urgency",
    "Value",
    "assess",
    "first_plan",
    "load_library",
    "next_question",
    "next_session",
    "stand_in",
    "standing_log",
]
