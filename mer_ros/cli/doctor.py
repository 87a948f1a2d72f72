"""Check this machine: ROS, messages, transport, models, devices; each fault with its mend."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from mer_ros.cli import checks, checks_ros
from mer_ros.cli.checks import Finding, Status
from mer_ros.cli.main import explain

CHECKS: tuple[tuple[str, Callable[[], list[Finding]]], ...] = (
    ('python', checks.python),
    ('ros', checks_ros.ros),
    ('messages', checks_ros.messages),
    ('transport', checks_ros.transport),
    ('round trip', checks_ros.round_trip),
    ('models', checks.models),
    ('media', checks.media),
    ('camera', checks.camera),
    ('microphone', checks.microphone),
    ('cpu', checks.cpu),
    ('gpu', checks.gpu),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument('--json', action='store_true', help='one line of JSON')


def run(args: argparse.Namespace) -> int:
    """Run every check; 1 when one fails."""
    found: list[tuple[str, Finding]] = []
    for name, check in CHECKS:
        for finding in _findings(check):
            found.append((name, finding))
            if not args.json:
                print(f'{finding.status.value:<5} {name:<11} {finding.text}', flush=True)
                if finding.mend:
                    print(f'{"":<18}-> {finding.mend}', flush=True)
    failed = sum(finding.status is Status.FAIL for _, finding in found)
    warned = sum(finding.status is Status.WARN for _, finding in found)
    if args.json:
        rows = [
            {'check': name, 'status': each.status.value, 'text': each.text, 'mend': each.mend}
            for name, each in found
        ]
        print(json.dumps({'failed': failed, 'warned': warned, 'checks': rows}))
    else:
        print(f'mer doctor: {failed} failed, {warned} to look at, {len(found)} checks')
    return 1 if failed else 0


def _findings(check: Callable[[], list[Finding]]) -> list[Finding]:
    """Run one check; whatever it raises is its finding."""
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - a check that breaks has found something
        return [Finding(Status.FAIL, explain(error), 'mend this first, then run mer doctor again')]
