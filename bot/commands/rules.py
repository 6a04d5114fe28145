"""`coxa rules schema`: what `coxa classify` reads, as JSON Schema."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

NAME = "rules"


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its own subcommands."""
    parser = commands.add_parser(NAME, help="about the rules: schema")
    topics = parser.add_subparsers(title="topics", metavar="TOPIC", required=True)
    schema = topics.add_parser("schema", help="print the JSON Schema of what coxa classify reads")
    schema.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print the schema."""
    from bot.commands.classify import Case

    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Case.model_json_schema(by_alias=True),
    }
    sys.stdout.write(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
    return 0
