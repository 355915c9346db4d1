"""The page of KerasHub's backbones says what the facts say; KerasHub need not be installed."""

from __future__ import annotations

from tests.porting.keras_hub import page
from tests.porting.keras_hub.catalogue import entries
from tests.porting.keras_hub.outcome import told


def test_the_page_is_current() -> None:
    assert page.TARGET.read_text(encoding="utf-8") == page.render(), "run python -m tests.porting.keras_hub.page"


def test_the_facts_are_of_the_whole_catalogue() -> None:
    assert [each.name for each in told(page.facts())] == [each.name for each in entries()]


def test_no_port_diverges_and_each_refusal_has_a_reason() -> None:
    for each in told(page.facts()):
        assert each.status in ("ported", "read", "refused", "not built"), each
        assert each.errors if each.status == "ported" else each.reason or each.status == "read", each
