"""The labels that the router is measured with are whole, and half of the papers are kept apart by their hash."""

from __future__ import annotations

import json

from processes import ROOT

from settings import RoutingSettings

LABELS = json.loads((ROOT / "bench" / "routing_labels.json").read_text(encoding="utf-8"))
PROMPTS = {path.stem for path in (ROOT / "bench" / "routing_prompts").glob("*.yaml")}


def test_there_are_enough_and_each_says_where_its_chunk_belongs_and_why():
    assert len(LABELS) >= 150
    for label in LABELS:
        assert label["lanes"]
        assert set(label["lanes"]) <= PROMPTS, label
        assert set(label["lanes"].values()) <= {"skip", "text", "vision"}
        assert label["why"]


def test_no_paper_is_in_both_halves():
    for label in LABELS:
        half = "rules" if int(label["sha256"][:4], 16) % 2 else "check"
        assert label["set"] in (half, "fresh")  # fresh: drawn from all papers when the rules were finished


def test_a_label_can_be_found_again_and_holds_no_more_of_a_paper_than_it_needs_for_that():
    for label in LABELS:
        assert label["box"] or label["label"] or label["starts"]
        assert len(label["starts"]) <= 60


def test_every_threshold_is_in_the_docs_with_its_default():
    text = (ROOT / "docs" / "routing.md").read_text(encoding="utf-8")

    for name, field in RoutingSettings.model_fields.items():
        default = f"{field.default:,}".removesuffix(".0")
        assert f"| `{name}` | {default} |" in text
