"""What the settings in force switch on and off, and why. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from fertool.config import Settings

LAW = (
    "EU AI Act, Art. 5(1)(f), in force since 2 February 2025: inferring emotions of a natural person in "
    "education institutions is prohibited, medical and safety reasons apart; consent does not lift that"
)
BIOMETRIC = "descriptors that identify people are biometric data (GDPR Art. 9)"


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """One thing that fertool does or does not do."""

    what: str
    state: str
    """`on` or `off`, or what it is limited to."""
    why: str


def explain(settings: Settings, rules: Iterable[tuple[str, Collection[str]]] = ()) -> list[PolicyLine]:
    """One line per measurement, rule and safeguard; `rules`: (name, signals it reads)."""
    return [
        *_measured(settings),
        *(_rule(settings, name, signals) for name, signals in rules),
        *_safeguards(settings),
    ]


def _measured(settings: Settings) -> list[PolicyLine]:
    behaviour = settings.policy == "behaviour"
    full = f"policy full. Before you use it with students in the EU: {LAW}"
    off = f"policy behaviour: not computed, not stored, not reported. {LAW}"
    return [
        PolicyLine("presence", "on", "faces found, and when: no emotion is inferred from it"),
        PolicyLine("head pose", "on", "yaw, pitch, roll of the head: no emotion is inferred from it"),
        PolicyLine("expression", "off" if behaviour else "on", off if behaviour else full),
    ]


def _rule(settings: Settings, name: str, signals: Collection[str]) -> PolicyLine:
    if "expression" in signals and settings.policy == "behaviour":
        return PolicyLine(
            f"rule {name}", "off", "it reads expression, which the policy behaviour switches off"
        )
    return PolicyLine(f"rule {name}", "on", f"it reads {', '.join(sorted(signals)) or 'nothing'}")


def _safeguards(settings: Settings) -> list[PolicyLine]:
    required = settings.consent == "required"
    kept = "of faces that are no consenting student's, only the number per sample is stored"
    everybody = (
        "consent off: everybody in the picture is stored, under a number; of faces that look like the "
        "picture of a student who said no or withdrew, only the number per sample"
    )
    no = (
        "students who said no or withdrew are on no page and in no export, under every setting; without an "
        "enrolled picture, new recordings show them under a number until you merge it"
    )
    stored = "consenting" if required else "all but refused"
    return [
        PolicyLine("faces stored", stored, kept if required else everybody),
        PolicyLine("consent needed", "on" if required else "off", f"consent {settings.consent}; {BIOMETRIC}"),
        PolicyLine("a no", "holds", no),
        PolicyLine(
            "pseudonyms", "on", "numbers until a name is given, with --names in an encrypted file only"
        ),
        PolicyLine("pictures stored", "off", "no frame and no part of one is ever stored in the database"),
        _groups(settings.k),
        _retention(settings.retention),
        PolicyLine(
            "audit",
            "on",
            "`fertool audit` lists which command showed or changed whose data; `query` writes nothing",
        ),
    ]


def _groups(k: int) -> PolicyLine:
    if k == 1:
        return PolicyLine(
            "small groups", "reported", "k = 1: 5 is the default, and 10 is advised for publication"
        )
    advice = "" if k >= 10 else "; 10 is advised for publication"
    return PolicyLine("small groups", "hidden", f"k = {k}: no figure about fewer than {k} students{advice}")


def _retention(retention: str) -> PolicyLine:
    if not retention:
        return PolicyLine("retention", "not set", 'nothing says how long data are kept: retention = "180d"')
    return PolicyLine(
        "retention", retention, f"`fertool purge --older-than {retention}` deletes what is older"
    )
