"""PURE: a client's record as tables, as their own copy, as FHIR and on paper."""
